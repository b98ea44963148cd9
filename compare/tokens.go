package compare

import (
	"strings"
	"sync"

	"github.com/tiktoken-go/tokenizer"

	"cutover/exchange"
)

// Counter counts tokens as the makers of a model do, independently of what a
// provider says that it will bill. It knows the families whose vocabulary is
// public, loads each when it is first needed, and is safe for concurrent use.
// Counting a text of 2 kB takes some hundred microseconds: it is for some pairs
// a second, not for all.
type Counter struct {
	o200k, cl100k lazyCodec
}

type lazyCodec struct {
	once  sync.Once
	codec tokenizer.Codec // nil: could not be loaded
}

// families are the beginnings of models' names, longest first where one begins
// like another.
var families = [...]struct {
	prefix string
	newer  bool // o200k, else cl100k
}{
	{"gpt-4o", true}, {"gpt-4.1", true}, {"gpt-4.5", true}, {"gpt-5", true}, {"chatgpt-4o", true}, {"gpt-oss", true},
	{"o1", true}, {"o3", true}, {"o4", true}, {"gpt-4", false}, {"gpt-3.5", false},
}

// Count returns the number of tokens of a text in a model's vocabulary; false
// when the model's family has no public one.
func (c *Counter) Count(model, text string) (int, bool) {
	if i := strings.LastIndexByte(model, '/'); i >= 0 { // openai/gpt-4o, as relays name it
		model = model[i+1:]
	}
	for _, f := range families {
		if !strings.HasPrefix(model, f.prefix) {
			continue
		}
		v, name := &c.cl100k, tokenizer.Cl100kBase
		if f.newer {
			v, name = &c.o200k, tokenizer.O200kBase
		}
		v.once.Do(func() {
			if codec, err := tokenizer.Get(name); err == nil {
				v.codec = codec
			}
		})
		if v.codec == nil {
			return 0, false
		}
		n, err := v.codec.Count(text)
		return n, err == nil
	}
	return 0, false
}

// The differences in billed tokens that become a finding: vocabularies are exact,
// but responses have a few tokens that are not visible.
const (
	billedRatio = 1.1
	billedSlack = 8
)

// checkBill compares the tokens that each side bills for its text with what an
// independent count finds in it.
func (c *comparison) checkBill() {
	if c.options.Counter == nil {
		return
	}
	for _, arm := range []exchange.Arm{exchange.Primary, exchange.Relay} {
		s := &c.sides[arm]
		if _, ok := tokensPerByte(s.x); !ok || !textKept(&s.x.Completion) {
			continue
		}
		model := s.x.Completion.Model
		if model == "" {
			model = s.x.Model
		}
		counted, ok := c.options.Counter.Count(model, s.x.Completion.Text)
		if !ok {
			continue
		}
		s.arm.CountedTokens = counted
		if billed := s.x.Usage.OutputTokens - s.x.Usage.Reasoning; float64(billed) > float64(counted)*billedRatio+billedSlack {
			c.addTrait(s, CodeUsageBilled)
		}
	}
}
