package shadow_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
)

func TestAPairOfTwoResponses(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	body := make(chan string, 1)
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		seen <- req
		body <- string(b)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer("one two four"))
	}), nil)
	q := request("a", "Authorization", "Bearer sk-caller", "Cookie", "c=sk-caller", "X-Cutover-Key", "sk-caller",
		"OpenAI-Organization", "sk-caller", "X-Whatever", "sk-caller", "OpenAI-Beta", "b", "Accept-Encoding", "gzip")
	done := r.mirror.Offer(q)
	if done == nil {
		t.Fatal("Offer = nil, want a function")
	}
	done(served(q, exchange.ClassNone))
	res := r.result(1)
	if res.ID != "a" || res.Outcome != compare.Both || !res.Checked || res.TextEqual {
		t.Errorf("result = %+v, want two different answers of request a", res)
	}
	if res.Relay.Asked != "gpt-4.1" {
		t.Errorf("the relay was asked for %q, want gpt-4.1", res.Relay.Asked)
	}
	if want := `{"model":"gpt-4.1","messages":[{"role":"user","content":"hello"}],"temperature":0.50}`; want != <-body {
		t.Errorf("the shadow request's body is not %s", want)
	}
	req := <-seen
	if got := req.Header.Get("Authorization"); got != "Bearer rk" {
		t.Errorf("Authorization = %q, want the relay's own key", got)
	}
	if req.Header.Get("X-Cutover-Shadow") == "" || req.Header.Get("OpenAI-Beta") != "b" {
		t.Errorf("the shadow request's header %v lacks X-Cutover-Shadow or OpenAI-Beta", req.Header)
	}
	for k, v := range req.Header {
		if strings.Contains(strings.Join(v, ""), "sk-caller") {
			t.Errorf("the relay saw the caller's %s: %q", k, v)
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	broken := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for _, row := range []struct {
		name  string
		relay http.Handler
		class exchange.Class // of the served exchange
		want  compare.Outcome
	}{
		{"both", text("x"), exchange.ClassNone, compare.Both},
		{"primary only", broken, exchange.ClassNone, compare.PrimaryOnly},
		{"relay only", text("x"), exchange.ClassConnect, compare.RelayOnly},
		{"neither", broken, exchange.ClassConnect, compare.Neither},
		{"aborted", text("x"), exchange.ClassAborted, compare.Aborted},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, row.relay, nil)
			q := request("a")
			r.mirror.Offer(q)(served(q, row.class))
			if res := r.result(1); res.Outcome != row.want {
				t.Errorf("outcome = %s, want %s", res.Outcome, row.want)
			}
			r.stop()
			if got := r.mirror.Counts().Get(row.want); got != 1 || r.mirror.Counts().Total() != 1 {
				t.Errorf("counts = %v, want one %s", r.mirror.Counts().All(), row.want)
			}
			if n, b := r.mirror.InFlight(), r.mirror.Held(); n != 0 || b != 0 {
				t.Errorf("%d calls and %d bytes are still held", n, b)
			}
		})
	}
}

func TestTheCallersAbortCancelsTheShadowRequest(t *testing.T) {
	t.Parallel()
	begun, cancelled := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		close(begun)
		<-req.Context().Done()
		close(cancelled)
	}), nil)
	q := request("a")
	done := r.mirror.Offer(q)
	<-begun
	done(served(q, exchange.ClassAborted))
	select {
	case <-cancelled:
	case <-time.After(20 * time.Second):
		t.Fatal("the shadow request went on after the caller had gone")
	}
	if res := r.result(1); res.Outcome != compare.Aborted {
		t.Errorf("outcome = %s, want aborted", res.Outcome)
	}
}

func TestWhatIsNotMirrored(t *testing.T) {
	t.Parallel()
	r := newRig(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a shadow request was sent")
	}), nil)
	for _, why := range []string{exchange.SkipSample, exchange.SkipStateful, exchange.SkipStamp, exchange.SkipRelayOff} {
		q := request("a")
		q.Route.Skip = why
		if r.mirror.Offer(q) != nil {
			t.Errorf("Offer of a request to be skipped (%s) is not nil", why)
		}
	}
	q := request("b")
	q.Facts.Model = "unheard-of"
	if r.mirror.Offer(q) != nil {
		t.Error("Offer of a model that the strict map lacks is not nil")
	}
	if got := r.mirror.Counts().Get(compare.Skipped); got != 5 {
		t.Errorf("skipped = %d, want 5: %v", got, r.mirror.Counts().All())
	}
}

// TestFullNeverWaits offers far more than the limits allow to a relay that
// hangs: Offer must return at once, and everything must be counted.
func TestFullNeverWaits(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-hang:
		case <-req.Context().Done():
		}
	}), func(c *shadow.Config) { c.MaxConcurrency = 4 })
	const offered = 1000
	var waiting []func(*exchange.Exchange)
	var requests []*exchange.Request
	begun := time.Now()
	for i := range offered {
		q := request(fmt.Sprint(i))
		if done := r.mirror.Offer(q); done != nil {
			waiting, requests = append(waiting, done), append(requests, q)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("%d offers took %s", offered, took)
	}
	if len(waiting) != 4 {
		t.Errorf("%d shadow requests were sent, want 4", len(waiting))
	}
	close(hang)
	for i, done := range waiting {
		done(served(requests[i], exchange.ClassNone))
	}
	r.until("all is counted", func() bool { return r.mirror.Counts().Total() == offered })
	if got := r.mirror.Counts().Get(compare.Dropped); got != offered-4 {
		t.Errorf("dropped = %d, want %d", got, offered-4)
	}
}

func TestBytesAreBounded(t *testing.T) {
	t.Parallel()
	flood := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for req.Context().Err() == nil {
			if _, err := io.WriteString(w, "data: "+strings.Repeat("x", 8<<10)+"\n\n"); err != nil {
				return
			}
		}
	})
	for _, row := range []struct {
		why    string
		change func(*shadow.Config)
	}{
		{"bytes", func(c *shadow.Config) { c.MaxBytes = 64 << 10 }},
		{"response_too_large", func(c *shadow.Config) { c.SetMaxResponse(1 << 20) }},
	} {
		t.Run(row.why, func(t *testing.T) {
			r := newRig(t, flood, row.change)
			q := request("a")
			r.mirror.Offer(q)(served(q, exchange.ClassNone))
			r.until("the call is given up", func() bool { return r.mirror.Counts().Total() == 1 })
			if all := r.mirror.Counts().All(); all[0].Outcome != compare.Dropped || all[0].Why != row.why {
				t.Errorf("counts = %v, want dropped for %s", all, row.why)
			}
			r.stop()
			if held := r.mirror.Held(); held != 0 {
				t.Errorf("%d bytes are still held", held)
			}
		})
	}
}

// TestCountsAddUp offers from many goroutines while the mirror stops.
func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, text("x"), func(c *shadow.Config) { c.MaxConcurrency = 8; c.SetQueue(4) })
	const callers, each = 16, 100
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for k := range each {
				q := request(fmt.Sprint(i, "-", k))
				if done := r.mirror.Offer(q); done != nil {
					if k%10 == 9 { // this one's response ends after the stop
						<-stopped
					}
					done(served(q, exchange.ClassNone))
				}
			}
		})
	}
	r.until("some pairs are there", func() bool { return r.mirror.Counts().Total() > callers })
	r.stop() // in the middle of it
	close(stopped)
	wg.Wait()
	if got := r.mirror.Counts().Total(); got != callers*each {
		t.Errorf("outcomes = %d, want %d: %v", got, callers*each, r.mirror.Counts().All())
	}
	if n, b := r.mirror.InFlight(), r.mirror.Held(); n != 0 || b != 0 {
		t.Errorf("%d calls and %d bytes are still held", n, b)
	}
}

// The sample and the sink must see the same result: a burst is marked before
// either gets it.
func TestBurstsAreMarkedBeforeAnybodySeesTheResult(t *testing.T) {
	t.Parallel()
	failing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	sampled := make(chan bool, 100)
	r := newRig(t, failing, func(c *shadow.Config) {
		c.SetWorkers(1)
		c.Sample = func(_ compare.Pair, res *compare.Result, _ time.Time) { sampled <- res.Burst }
	})
	for i := range 6 {
		q := request(fmt.Sprint(i))
		r.mirror.Offer(q)(served(q, exchange.ClassNone))
		res := r.result(i + 1)
		if want := i >= 4; res.Burst != want || <-sampled != want {
			t.Errorf("failure %d: burst = %v, want %v for sample and sink", i+1, res.Burst, want)
		}
	}
}
