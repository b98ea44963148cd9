package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"cutover/internal/mock"
	"cutover/internal/netfault"
	"cutover/internal/redistest"
)

// relayServes sends every caller to the relay: an id that is not known goes to
// the primary even so, and one that is known to be the relay's goes there.
const relayServes = "CUTOVER_FLAGS_RELAY_PERCENTAGE=100"

// files calls the files endpoints as an SDK does, without retries.
type files struct {
	t      *testing.T
	client openai.Client
}

func newFiles(t *testing.T, r *rig) *files {
	return &files{t, openai.NewClient(option.WithBaseURL(r.URL()+"/v1"), option.WithAPIKey(callerKey),
		option.WithHTTPClient(newHTTPClient(t)), option.WithMaxRetries(0))}
}

func (f *files) create(ctx context.Context) (string, error) {
	made, err := f.client.Files.New(ctx, openai.FileNewParams{Purpose: openai.FilePurposeBatch,
		File: openai.File(strings.NewReader("{}\n"), "in.jsonl", "application/jsonl")})
	if err != nil {
		return "", err
	}
	return made.ID, nil
}

func (f *files) mustCreate() string {
	f.t.Helper()
	id, err := f.create(within(f.t))
	if err != nil {
		f.t.Fatalf("file up: %v", err)
	}
	return id
}

func (f *files) get(id string) error {
	_, err := f.client.Files.Get(within(f.t), id)
	return err
}

// statusOf is the status that an SDK's error speaks of; 0: none.
func statusOf(err error) int {
	var told *openai.Error
	if errors.As(err, &told) {
		return told.StatusCode
	}
	return 0
}

// away is one way for a network to be of no use.
type away struct {
	name string
	now  netfault.End    // what happens to open connections
	then netfault.Faults // and to new ones
}

func waysToBeAway() []away {
	return []away{
		{"silent", netfault.Silence, netfault.Faults{Mute: true}},
		{"reset", netfault.Reset, netfault.Faults{Drop: true}},
		{"slow", netfault.Reset, netfault.Faults{Response: netfault.Line{Latency: time.Second}}},
	}
}

func (a *away) begin(p *netfault.Proxy) { p.Set(a.then); p.Break(a.now) }

func (a *away) end(p *netfault.Proxy) { p.Set(netfault.Faults{}); p.Break(netfault.Reset) }

// TestBondsWhileRedisIsAway: what memory knows goes to its owner, what nobody
// knows goes to the primary at once, and what was learnt meanwhile reaches the
// rest of the fleet when Redis is back.
func TestBondsWhileRedisIsAway(t *testing.T) {
	for _, row := range waysToBeAway() {
		t.Run(row.name, func(t *testing.T) {
			redis := redistest.Client(t).Options().Addr
			network := netfault.Start(t, redis)
			primary := startProvider(t, mock.Config{Name: "primary"})
			relay := startProvider(t, mock.Config{Name: "relay", DrawSeed: 2})
			r := startSidecar(t, primary, relay, relayServes, "CUTOVER_REDIS=redis://"+network.Addr())
			f := newFiles(t, r)
			before := f.mustCreate()
			stored := func() bool { s := r.Affinity.State(); return s.Stored == s.Learned && s.Stored > 0 && !s.Failing }
			eventually(t, "the first id is stored", stored, func() any { return r.Affinity.State() })
			first := r.Affinity.State().Stored

			row.begin(network)
			during := f.mustCreate()
			for _, id := range []string{before, during} {
				if err := f.get(id); err != nil {
					t.Errorf("%s, which memory knows: %v", id, err)
				}
			}
			if n := primary.Stats().Calls; n != 0 {
				t.Errorf("the primary saw %d calls for what the relay owns", n)
			}
			for range 5 {
				begun := time.Now()
				if err := f.get("file-unheard-of"); err == nil {
					t.Error("an id that nobody knows was found")
				}
				// Patience is 50 ms; the rest is the machine's.
				if took := time.Since(begun); took > time.Second {
					t.Errorf("an unknown id waited %s for Redis", took)
				}
			}
			if n := primary.Stats().Calls; n != 5 {
				t.Errorf("the primary saw %d of the 5 calls for an unknown id", n)
			}
			if s := r.Affinity.State(); !s.Failing || s.Stored != first || s.Learned == first {
				t.Errorf("while Redis is away: %+v, want it failing, and nothing stored but the first %d", s, first)
			}

			row.end(network)
			eventually(t, "what was learnt is stored", stored, func() any { return r.Affinity.State() })
			another := newFiles(t, startSidecar(t, primary, relay, relayServes, "CUTOVER_REDIS=redis://"+redis))
			for _, id := range []string{before, during} {
				if err := another.get(id); err != nil {
					t.Errorf("%s, asked of another sidecar: %v", id, err)
				}
			}
			if n := primary.Stats().Calls; n != 5 {
				t.Errorf("the primary saw %d calls more", n-5)
			}
		})
	}
}

// TestAnOwnerThatIsAway: nobody else knows the id, so the caller gets the
// honest error, and the primary is not asked.
func TestAnOwnerThatIsAway(t *testing.T) {
	for _, row := range waysToBeAway() {
		if row.name == "slow" {
			row.then.Response.Latency = time.Minute
		}
		t.Run(row.name, func(t *testing.T) {
			primary := startProvider(t, mock.Config{Name: "primary"})
			relay := startProvider(t, mock.Config{Name: "relay", DrawSeed: 2})
			network := netfault.Start(t, relay.host())
			relay.url = "http://" + network.Addr()
			r := startSidecar(t, primary, relay, relayServes, "CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_PLAIN=500ms")
			f := newFiles(t, r)
			id := f.mustCreate()

			row.begin(network)
			calls := relay.Stats().Calls
			status := statusOf(f.get(id))
			if status != http.StatusBadGateway && status != http.StatusGatewayTimeout {
				t.Errorf("status %d, want a 502 or 504", status)
			}
			if n := relay.Stats().Calls - calls; n > 1 {
				t.Errorf("the relay saw %d calls, want one at most", n)
			}
			if n := primary.Stats().Calls; n != 0 {
				t.Errorf("the primary saw %d calls for what it does not know", n)
			}

			row.end(network)
			if err := f.get(id); err != nil {
				t.Errorf("when the relay is back: %v", err)
			}
		})
	}
}

// TestACreateThatBreaksOff: the relay made something, and the network lost the
// response. The caller learns that it went wrong, nobody makes it a second time,
// and what is made afterwards is found.
func TestACreateThatBreaksOff(t *testing.T) {
	for _, limit := range []int64{20, 400} { // inside the header, and about where the body begins
		for _, end := range []netfault.End{netfault.Reset, netfault.Close} {
			primary := startProvider(t, mock.Config{Name: "primary"})
			relay := startProvider(t, mock.Config{Name: "relay", DrawSeed: 2})
			network := netfault.Start(t, relay.host())
			relay.url = "http://" + network.Addr()
			f := newFiles(t, startSidecar(t, primary, relay, relayServes))
			network.Set(netfault.Faults{Response: netfault.Line{Limited: true, Limit: limit, End: end}})
			if id, err := f.create(within(t)); err == nil {
				t.Errorf("cut after %d bytes: the caller got %s", limit, id)
			}
			if a, b := relay.Stats().Calls, primary.Stats().Calls; a != 1 || b != 0 {
				t.Errorf("cut after %d bytes: the relay saw %d calls and the primary %d, want 1 and 0", limit, a, b)
			}
			network.Set(netfault.Faults{})
			if err := f.get(f.mustCreate()); err != nil {
				t.Errorf("what was made afterwards: %v", err)
			}
			if n := primary.Stats().Calls; n != 0 {
				t.Errorf("the primary saw %d calls", n)
			}
		}
	}
}
