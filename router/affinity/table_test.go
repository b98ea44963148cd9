package affinity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cutover/exchange"
)

// ids is a store in memory, with faults.
type ids struct {
	mu     sync.Mutex
	owners map[string]string
	kept   map[string]time.Duration
	asked  int
	broken error
	block  bool // wait for the context's end
}

func newIDs() *ids { return &ids{owners: map[string]string{}, kept: map[string]time.Duration{}} }

func (s *ids) Owners(ctx context.Context, ids []string) ([]string, error) {
	s.mu.Lock()
	s.asked++
	broken, block := s.broken, s.block
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = s.owners[id]
	}
	s.mu.Unlock()
	if block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return out, broken
}

func (s *ids) SetOwner(_ context.Context, owner string, ids []string, keep time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	for _, id := range ids {
		s.owners[id], s.kept[id] = owner, keep
	}
	return nil
}

func (s *ids) breaks(err error, block bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.block = err, block
}

func (s *ids) lookups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *ids) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id, owner := range s.owners {
		out = append(out, fmt.Sprintf("%s@%s %dh", id, owner, s.kept[id]/time.Hour))
	}
	slices.Sort(out)
	return out
}

func request(method, target, body string) *exchange.Request {
	path, query, _ := strings.Cut(target, "?")
	q := &exchange.Request{
		Method:   method,
		Path:     path,
		RawQuery: query,
		Endpoint: exchange.Lookup(method, path),
		Body:     []byte(body),
		Held:     true,
	}
	if q.Endpoint.Kind == exchange.Inference {
		q.Facts, _, _ = exchange.Inspect(q.Endpoint, nil, q.Body, "")
	}
	return q
}

func response(arm exchange.Arm, status int, body string) *exchange.Exchange {
	return &exchange.Exchange{
		Arm:      arm,
		Status:   status,
		Body:     []byte(body),
		Streamed: strings.HasPrefix(body, "event:") || strings.HasPrefix(body, "data:"),
	}
}

// bound gives a response what only its provider can read again.
func bound(x *exchange.Exchange, ids ...string) *exchange.Exchange {
	x.Completion.Bound = ids
	return x
}

// Where requests belong when a thing with an id "K..." is known to be at the
// relay, "P..." at the primary, and nothing else is known.
func TestWhereRequestsBelong(t *testing.T) {
	t.Parallel()
	a := New(Config{})
	until := time.Now().Add(time.Hour)
	for _, id := range []string{"file-K1", "resp_K1", "batch_K1", "vs_K1", "thread_K1", "conv_K1", "cntr_K1", "msg_K1", "ft:gpt-4o:org::K1",
		"ftjob-K1", "upload_K1", "chatcmpl-K1", "msgbatch_K1", "skill_K1"} {
		a.cache.put(id, exchange.Relay, owned, until)
	}
	sealed := exchange.SealedID([]byte("K/seal+"))
	for _, id := range []string{sealed, "audio_K1"} {
		a.cache.put(id, exchange.Relay, owned, until)
	}
	turns := func(first, block string) string { // a conversation of many turns, of which the last is sealed
		return `{"model":"m","store":false,"input":[` + first + strings.Repeat(
			`{"type":"message","id":"msg_of_a_turn","role":"assistant","content":[]},`,
			40,
		) + block + `]}`
	}
	var items string
	for i := range 30 {
		items += fmt.Sprintf(`{"type":"reasoning","id":"rs_%d","encrypted_content":"seal of %d"},`, i, i)
	}
	for _, id := range []string{"file-P1", "vs_P1"} {
		a.cache.put(id, exchange.Primary, owned, until)
	}
	for _, row := range []struct {
		method, path, body string
		want               string // bond, and the id that decided
	}{
		// By path.
		{"GET", "/v1/files/file-K1", "", "relay file-K1"},
		{"GET", "/v1/files/file-P1", "", "primary file-P1"},
		{"GET", "/v1/files/file-X1", "", "other"},
		{"GET", "/v1/files/file%2DK1", "", "relay file-K1"},
		{"DELETE", "/v1/files/file-K1", "", "relay file-K1"},
		{"GET", "/v1/files/file-K1/content", "", "relay file-K1"},
		{"POST", "/v1/uploads/upload_K1/parts", "--boundary\r\n", "relay upload_K1"},
		{"POST", "/v1/uploads/upload_K1/complete", `{"part_ids": ["part_1"]}`, "relay upload_K1"},
		{"GET", "/v1/batches/batch_K1", "", "relay batch_K1"},
		{"POST", "/v1/batches/batch_K1/cancel", "", "relay batch_K1"},
		{"GET", "/v1/vector_stores/vs_K1/files/file-P1", "", "relay vs_K1"},
		{"GET", "/v1/vector_stores/vs_K1/file_batches/vsfb_1/files?after=file-P1", "", "relay vs_K1"},
		{"POST", "/v1/threads/thread_K1/runs", `{"assistant_id": "asst_X"}`, "relay thread_K1"},
		{"GET", "/v1/fine_tuning/jobs/ftjob-K1/events", "", "relay ftjob-K1"},
		{"GET", "/v1/responses/resp_K1", "", "relay resp_K1"},
		{"GET", "/v1/responses/resp_K1/input_items", "", "relay resp_K1"},
		{"GET", "/v1/chat/completions/chatcmpl-K1/messages", "", "relay chatcmpl-K1"},
		{"GET", "/v1/messages/batches/msgbatch_K1/results", "", "relay msgbatch_K1"},
		{"GET", "/v1/skills/skill_K1/versions/1", "", "relay skill_K1"},
		{"GET", "/v1/containers/cntr_K1/files/cfile_1/content", "", "relay cntr_K1"},
		// Lists, and what is made.
		{"GET", "/v1/files", "", "list"},
		{"GET", "/v1/files?after=file-K1&limit=3", "", "list"},
		{"HEAD", "/v1/batches", "", "list"},
		{"GET", "/v1/chat/completions", "", "list"},
		{"GET", "/v1/messages/batches", "", "list"},
		{"POST", "/v1/files", "--boundary\r\n", "new"},
		{"POST", "/v1/uploads", `{"filename": "x", "bytes": 3}`, "new"},
		{"POST", "/v1/vector_stores", `{"name": "x"}`, "new"},
		{"POST", "/v1/threads", `{}`, "new"},
		{"POST", "/v1/messages/batches", `{"requests": []}`, "new"},
		{"POST", "/v1/responses/compact", `{"model": "gpt-4.1", "input": []}`, "other"},
		{"POST", "/v1/chatkit/sessions", `{}`, "other"},
		// By body.
		{"POST", "/v1/batches", `{"input_file_id":"file-K1","endpoint":"/v1/chat/completions"}`, "relay file-K1"},
		{"POST", "/v1/batches", `{"input_file_id":"file-X1"}`, "other"},
		{"POST", "/v1/fine_tuning/jobs", "{\n \"validation_file\" : \"file-X\", \"training_file\" : \"file-K1\"}", "relay file-K1"},
		{"POST", "/v1/vector_stores", `{"file_ids": [ "file-X1" , "file-K1"]}`, "relay file-K1"},
		{"POST", "/v1/threads/runs", `{"assistant_id":"asst_X","thread":{"messages":[{"role":"user","content":"file-K1",` +
			`"attachments":[{"file_id":"file-K1"}]}]}}`, "relay file-K1"},
		{"POST", "/v1/responses/compact", `{"previous_response_id": "resp_K1"}`, "relay resp_K1"},
		{"POST", "/v1/responses", `{"model":"m","previous_response_id":"resp_K1","input":"and then?"}`, "relay resp_K1"},
		{"POST", "/v1/responses", `{"model":"m","previous_response_id":"resp_X1","input":"and then?"}`, "other"},
		{"POST", "/v1/responses", `{"model":"m","previous_response_id":null,"input":"and then?"}`, "unbound"},
		{"POST", "/v1/responses", `{"model":"m","conversation":"conv_K1","input":"x"}`, "relay conv_K1"},
		{"POST", "/v1/responses", `{"model":"m","conversation":{"id":"conv_K1"},"input":"x"}`, "relay conv_K1"},
		{"POST", "/v1/responses", `{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"file-K1"}]}]}`,
			"relay file-K1"},
		{"POST", "/v1/responses", `{"model":"m","tools":[{"type":"file_search","vector_store_ids":["vs_K1"]}],"input":"x"}`, "relay vs_K1"},
		{"POST", "/v1/responses", `{"model":"m","tools":[{"type":"code_interpreter","container":"cntr_K1"}],"input":"x"}`, "relay cntr_K1"},
		{"POST", "/v1/responses", `{"model":"m","tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["file-K1"]}}],` +
			`"input":"x"}`, "relay file-K1"},
		{"POST", "/v1/responses", `{"model":"m","input":[{"type":"item_reference","id":"msg_K1"}]}`, "relay msg_K1"},
		{"POST", "/v1/responses", `{"model":"m","prompt":{"id":"pmpt_X1"},"input":"x"}`, "other"},
		{"POST", "/v1/responses", `{"model":"m","tools":[{"type":"web_search"}],"input":"x"}`, "unbound"},
		{"POST", "/v1/responses", `{"model":"m","input":"my file_id is \"file_id\":\"file-K1\""}`, "unbound"},
		{"POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"say \"previous_response_id\": \"resp_K1\""}]}`,
			"unbound"},
		{"POST", "/v1/chat/completions", `{"model":"ft:gpt-4o:org::K1","messages":[]}`, "relay ft:gpt-4o:org::K1"},
		{"POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-K1"}}]}]}`,
			"relay file-K1"},
		{"POST", "/v1/messages", `{"model":"m","container":"cntr_K1","messages":[]}`, "relay cntr_K1"},
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"user","content":[{"type":"document","source":{"type":"file",` +
			`"file_id":"file-K1"}}]}]}`, "relay file-K1"},
		{"POST", "/v1/messages", `{"model":"m","container":{"skills":[{"type":"custom","skill_id":"skill_K1","version":"latest"}]},` +
			`"messages":[]}`, "relay skill_K1"},
		// What only its maker can read.
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t",` +
			`"signature":"K/seal+"}]}]}`, "relay " + sealed},
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t",` +
			`"signature":"K\/seal\u002b"}]}]}`, "relay " + sealed},
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t",` +
			`"signature":"X/seal+"}]}]}`, "other"},
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"K/seal+"}]}]}`,
			"relay " + sealed},
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"\"signature\":\"K/seal+\""}]}]}`,
			"unbound"},
		{"POST", "/v1/messages", `{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64",` +
			`"data":"K/seal+"}}]}]}`, "unbound"},
		{"POST", "/v1/responses", turns(items, `{"type":"reasoning","id":"rs_X","encrypted_content":"K/seal+"}`), "relay " + sealed},
		{"POST", "/v1/responses", turns(items, `{"type":"reasoning","id":"rs_X","encrypted_content":"X/seal+"}`), "other"},
		{"POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"assistant","audio":{"id":"audio_K1"}},{"role":"user",` +
			`"content":"and?"}]}`, "relay audio_K1"},
		// Not ours to judge.
		{"GET", "/v1/models", "", "unbound"},
		{"POST", "/v1/embeddings", `{"model":"m","input":"x","file_id":"file-K1"}`, "unbound"},
		// Broken bodies.
		{"POST", "/v1/batches", `{"input_file_id":"file-K1`, "new"},
		{"POST", "/v1/batches", `{"input_file_id":`, "new"},
		{"POST", "/v1/batches", `{"input_file_id":"file-K1\"","x":"\\`, "new"},
		{"POST", "/v1/vector_stores", `{"file_ids":["file-K1`, "new"},
		{"POST", "/v1/batches", `{"input_file_id":"a b c d e"}`, "new"},
		{"POST", "/v1/batches", `{"input_file_id":"` + strings.Repeat("x", 500) + `"}`, "new"},
	} {
		p := a.Find(t.Context(), request(row.method, row.path, row.body))
		got := [...]string{"unbound", "", "new", "other", "list"}[p.Binding]
		if p.Binding == ToOwner {
			got = p.Owner.String() + " " + p.ID
		}
		if got != row.want {
			t.Errorf("%s %s %.80s: %q, want %q", row.method, row.path, row.body, got, row.want)
		}
	}
	for _, row := range []struct {
		p    Placement
		want string
	}{
		{Placement{}, "primary false"}, {Placement{Binding: ToCreator}, "primary false"}, {Placement{Binding: ToPrimary}, "primary true"},
		{Placement{Binding: ToReference}, "relay true"}, {Placement{Binding: ToOwner, Owner: exchange.Relay}, "relay true"},
		{Placement{Binding: ToOwner}, "primary true"},
	} {
		arm, ok := row.p.Arm(exchange.Relay)
		if got := fmt.Sprint(arm, ok); got != row.want {
			t.Errorf("%+v goes to %s, want %s", row.p, got, row.want)
		}
	}
}

// Two sidecars share a store: what one has learned the other finds, by one
// lookup; what nobody knows is not asked for again and again.
func TestTableAsksTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIDs()
		names := [2]string{"https://api.example/v1", "https://relay.example/v1"}
		a, b := New(Config{Store: s, Names: names}), New(Config{Store: s, Names: names})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		<-a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, `{"id":"file-1"}`))
		get := request("GET", "/v1/files/file-1", "")
		for range 3 {
			if p := b.Find(ctx, get); p.Binding != ToOwner || p.Owner != exchange.Relay {
				t.Fatalf("the other sidecar: %+v", p)
			}
		}
		if n := s.lookups(); n != 1 {
			t.Errorf("%d lookups of one id, want 1", n)
		}
		unknown := request("GET", "/v1/files/file-2", "")
		for range 10 {
			if p := b.Find(ctx, unknown); p.Binding != ToPrimary {
				t.Fatalf("an id that nobody knows: %+v", p)
			}
		}
		if n := s.lookups(); n != 2 {
			t.Errorf("%d lookups, want 2: nobody knows is a response too", n)
		}
		<-a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, `{"id":"file-2"}`))
		time.Sleep(4 * time.Second)
		if p := b.Find(ctx, unknown); p.Binding != ToOwner {
			t.Errorf("an id that came later: %+v", p)
		}
		// A third, where the roles have changed, and one that knows neither.
		swapped := New(Config{Store: s, Names: [2]string{names[1], names[0]}})
		if p := swapped.Find(ctx, get); p.Binding != ToOwner || p.Owner != exchange.Primary {
			t.Errorf("with roles changed: %+v", p)
		}
		if p := New(Config{Store: s}).Find(ctx, get); p.Binding != ToPrimary {
			t.Errorf("an owner that is neither upstream: %+v", p)
		}
		time.Sleep(31 * 24 * time.Hour)
		before := s.lookups()
		b.Find(ctx, get)
		if s.lookups() != before+1 {
			t.Error("memory keeps an id beyond its time")
		}
		cancel()
		<-ended
	})
}

// A store that hangs or fails costs one request its patience, the others
// nothing, and loses no id that it takes later.
func TestTableWithABadStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIDs()
		var told []error
		a := New(Config{Store: s, StoreHealth: func(err error) { told = append(told, err) }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		s.breaks(nil, true)
		begun := time.Now()
		for range 20 {
			if p := a.Find(ctx, request("GET", "/v1/files/file-1", "")); p.Binding != ToPrimary {
				t.Fatalf("%+v", p)
			}
		}
		if d := time.Since(begun); d != 50*time.Millisecond {
			t.Errorf("20 requests waited %v together, want 50 ms", d)
		}
		s.breaks(errors.New("away"), false)
		for i := range 5 {
			done := a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, fmt.Sprintf(`{"id":"file-%d"}`, i)))
			synctest.Wait()
			select {
			case <-done:
				t.Error("stored in a store that is away")
			default:
			}
		}
		if p := a.Find(ctx, request("GET", "/v1/files/file-3", "")); p.Binding != ToOwner {
			t.Errorf("what was learned is not in memory: %+v", p)
		}
		s.breaks(nil, false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := len(s.list()); got != 5 {
			t.Errorf("%d ids stored after all, want 5", got)
		}
		if len(told) != 2 || told[0] == nil || told[1] != nil {
			t.Errorf("told of %v", told)
		}
		if st := a.State(); st.Failed != 1 || st.Dropped != 0 || st.Failing || st.Stored != 5 {
			t.Errorf("State = %+v", st)
		}
		// The caller that goes away is no fault of the store's.
		s.breaks(nil, true)
		gone, leave := context.WithCancel(ctx)
		leave()
		a.Find(gone, request("GET", "/v1/files/file-9", ""))
		if st := a.State(); st.Failing {
			t.Error("a caller that went away counts against the store")
		}
		s.breaks(errors.New("away"), false)
		a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, `{"id":"file-last"}`))
		cancel()
		<-ended
		if st := a.State(); st.Dropped != 1 {
			t.Errorf("State at the end = %+v", st)
		}
		select {
		case <-a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, `{"id":"file-late"}`)):
		default:
			t.Error("who learns after the end waits for ever")
		}
	})
}
