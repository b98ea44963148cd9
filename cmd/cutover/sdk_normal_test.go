package main

import (
	"fmt"
	"regexp"
	"testing"
)

// normal takes out of texts what differs between any two calls of the same
// provider: ids become numbers in the order of their first occurrence, moments
// become T.
type normal struct {
	ids   *regexp.Regexp
	times *regexp.Regexp
	waits *regexp.Regexp
	seen  map[string]string
}

func newNormal() *normal {
	return &normal{
		ids:   regexp.MustCompile(`\b([a-z]+(?:_[a-z]+)*)[-_]([A-Za-z]*[0-9][A-Za-z0-9]{11,}|[A-Za-z0-9]{20,})\b`),
		times: regexp.MustCompile(`"(created|[a-z_]+_at)":("[0-9T:.Z+-]+"|[0-9]+)`),
		waits: regexp.MustCompile(`try again in [0-9][0-9.hmµ]*s`),
		seen:  map[string]string{},
	}
}

func (n *normal) text(s string) string {
	s = n.times.ReplaceAllString(s, `"$1":T`)
	s = n.waits.ReplaceAllString(s, "try again in T")
	return n.ids.ReplaceAllStringFunc(s, func(id string) string {
		short, known := n.seen[id]
		if !known {
			prefix := n.ids.FindStringSubmatch(id)[1]
			short = fmt.Sprintf("%s#%d", prefix, len(n.seen)+1)
			n.seen[id] = short
		}
		return short
	})
}

func TestNormal(t *testing.T) {
	n := newNormal()
	for _, c := range []struct{ in, want string }{
		{`{"id":"chatcmpl-Ab3dEf6hIjKlMnOpQrStUvWx","created":1764000000}`, `{"id":"chatcmpl#1","created":T}`},
		{`/v1/files/file-Zb3dEf6hIjKlMnOpQrStUvWx`, `/v1/files/file#2`},
		{`again chatcmpl-Ab3dEf6hIjKlMnOpQrStUvWx`, `again chatcmpl#1`},
		{`batch_req_QAXm1eXoYBqwH8uPI9MH4nwF`, `batch_req#3`},
		{`"created_at":"2024-05-06T13:00:00Z"`, `"created_at":T`},
		{`Please try again in 59.984s.`, `Please try again in T.`},
		{`Please try again in 1m0s.`, `Please try again in T.`},
		{`claude-sonnet-4-5 and text-embedding-3-small at 12:30`, `claude-sonnet-4-5 and text-embedding-3-small at 12:30`},
	} {
		if got := n.text(c.in); got != c.want {
			t.Errorf("text(%s) = %s, want %s", c.in, got, c.want)
		}
	}
}
