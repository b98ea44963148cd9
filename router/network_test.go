package router_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/netfault"
	"cutover/upstream"
)

// moment is when a network breaks.
type moment int

const (
	always       moment = iota // Faults rule from the first byte on
	afterOpening               // events without content are under way
	afterContent               // the caller has read the first content
)

// netFault is one way for the network between sidecar and relay to fail, and
// the expected result.
type netFault struct {
	name    string
	faults  netfault.Faults
	refuse  bool
	when    moment
	end     netfault.End   // with when
	silent  bool           // a timeout has to end it
	why     exchange.Class // of the relay; "": it serves
	unheard bool           // the relay's program gets no call at all
}

func netFaults() []netFault {
	line := func(limit int64, end netfault.End) netfault.Line {
		return netfault.Line{Limited: true, Limit: limit, End: end}
	}
	return []netFault{
		{name: "refused", refuse: true, why: exchange.ClassConnect, unheard: true},
		{name: "reset when open", faults: netfault.Faults{Drop: true}, why: exchange.ClassBroken, unheard: true},
		{name: "closed when open", faults: netfault.Faults{Hang: true}, why: exchange.ClassBroken, unheard: true},
		{name: "accepted without a response", faults: netfault.Faults{Mute: true}, silent: true, why: exchange.ClassHeaderTimeout, unheard: true},
		{
			name:    "garbage",
			faults:  netfault.Faults{Garbage: "220 mail.example ESMTP ready and waiting for you\r\n"},
			why:     exchange.ClassBroken,
			unheard: true,
		},
		{name: "request cut by a reset", faults: netfault.Faults{Request: line(100, netfault.Reset)}, why: exchange.ClassBroken, unheard: true},
		{name: "request cut by an end", faults: netfault.Faults{Request: line(100, netfault.Close)}, why: exchange.ClassBroken, unheard: true},
		{
			name:    "request swallowed",
			faults:  netfault.Faults{Request: line(100, netfault.Silence)},
			silent:  true,
			why:     exchange.ClassHeaderTimeout,
			unheard: true,
		},
		{name: "header cut by a reset", faults: netfault.Faults{Response: line(20, netfault.Reset)}, why: exchange.ClassBroken},
		{name: "header cut by an end", faults: netfault.Faults{Response: line(20, netfault.Close)}, why: exchange.ClassBroken},
		{name: "header swallowed", faults: netfault.Faults{Response: line(20, netfault.Silence)}, silent: true, why: exchange.ClassHeaderTimeout},

		{name: "reset before content", when: afterOpening, end: netfault.Reset, why: exchange.ClassBroken},
		{name: "end before content", when: afterOpening, end: netfault.Close, why: exchange.ClassBroken},
		{name: "silence before content", when: afterOpening, end: netfault.Silence, silent: true, why: exchange.ClassFirstToken},
		{name: "reset after content", when: afterContent, end: netfault.Reset, why: exchange.ClassBroken},
		{name: "end after content", when: afterContent, end: netfault.Close, why: exchange.ClassBroken},
		{name: "silence after content", when: afterContent, end: netfault.Silence, silent: true, why: exchange.ClassIdle},

		{name: "a good network"},
		{name: "response in single bytes", faults: netfault.Faults{Response: netfault.Line{Slice: 1}}},
		{name: "request in single bytes", faults: netfault.Faults{Request: netfault.Line{Slice: 1}}},
		{
			name: "latency and jitter",
			faults: netfault.Faults{
				Request:  netfault.Line{Latency: 10 * time.Millisecond},
				Response: netfault.Line{Latency: 5 * time.Millisecond, Jitter: 10 * time.Millisecond},
			},
		},
		{name: "little bandwidth", faults: netfault.Faults{Response: netfault.Line{Rate: 20_000, Slice: 100}}},
		{name: "a late end", faults: netfault.Faults{Response: netfault.Line{Linger: 100 * time.Millisecond}}},
	}
}

// TestFaultsOfTheNetwork is the table of what callers get while the relay serves
// and the network to it fails: fault x protocol x dialect x streaming, before
// and after the first content, with and without a fallback.
func TestFaultsOfTheNetwork(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, proto := range []upstream.Protocol{upstream.HTTP1, upstream.H2C} {
		for _, d := range dialects() {
			for _, f := range netFaults() {
				for _, kind := range []struct{ streamed, fallback bool }{{false, true}, {true, true}, {true, false}} {
					if f.when != always && (!kind.streamed || !kind.fallback) || f.why == "" && !kind.fallback {
						continue
					}
					rows++
					t.Run(fmt.Sprintf("%s/%s/%s/stream=%v fallback=%v", proto, d.name, f.name, kind.streamed, kind.fallback), func(t *testing.T) {
						t.Parallel()
						n := networkCase{t: t, d: d, f: f, proto: proto, streamed: kind.streamed, fallback: kind.fallback}
						n.run()
					})
				}
			}
		}
	}
	if rows < 200 {
		t.Errorf("the table has %d rows, want at least 200", rows)
	}
}

// networkCase is one row.
type networkCase struct {
	t                  *testing.T
	d                  dialect
	f                  netFault
	proto              upstream.Protocol
	streamed, fallback bool

	net            *netfault.Proxy
	primary, relay atomic.Int64
}

func (n *networkCase) run() {
	b := newBench(n.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.primary.Add(1)
		right(&n.d, w, r)
	}), setup{
		decide: func(flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: n.fallback}
		},
		relay:        n.configure,
		relayHandler: http.HandlerFunc(n.serveRelay),
	})
	begun := time.Now()
	resp := b.post(
		n.t,
		context.Background(),
		n.d.path,
		fmt.Sprintf(`{"model":"m","stream":%v,"max_tokens":9,"input":"hi","messages":[{"role":"user","content":"hi"}]}`, n.streamed),
	)
	var head []byte
	if n.f.when == afterContent {
		head = make([]byte, len(n.spoken()))
		k, _ := io.ReadFull(resp.Body, head)
		head = head[:k]
		n.net.Break(n.f.end)
	}
	rest, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if took := time.Since(begun); took > 20*time.Second {
		n.t.Errorf("the caller waited %s", took)
	}
	n.check(resp, string(append(head, rest...)), err)
	if calls := n.relay.Load(); calls > 1 || n.f.unheard && calls > 0 || n.f.why == "" && calls != 1 {
		n.t.Errorf("the relay's program saw %d calls", calls)
	}
	_, x := b.exchangeOf(1)
	want := n.f.why
	if n.fallback && n.f.when != afterContent {
		want = exchange.ClassNone // the exchange that served
		if n.f.why != "" && (len(x.Trail) != 1 || x.Trail[0].Class != n.f.why) {
			n.t.Errorf("the trail is %+v, want one step of class %q", x.Trail, n.f.why)
		}
	}
	if x.Class != want {
		n.t.Errorf("recorded class %q (%s), want %q", x.Class, x.Detail, want)
	}
}

// configure puts the network between the sidecar and the relay.
func (n *networkCase) configure(c *upstreamConfig) {
	n.net = netfault.Start(n.t, strings.TrimSuffix(strings.TrimPrefix(c.BaseURL, "http://"), "/v1"))
	n.net.Set(n.f.faults)
	if n.f.refuse {
		n.net.Refuse()
	}
	c.BaseURL, c.Protocol = "http://"+n.net.Addr()+"/v1", n.proto
	const limit = 400 * time.Millisecond // for those who fall silent; the others may take their time
	if n.f.silent {
		switch n.f.when {
		case always:
			c.Timeouts.Header = limit
		case afterOpening:
			c.Timeouts.FirstToken = limit
		case afterContent:
			c.Timeouts.Idle = limit
		}
	}
}

// serveRelay is the relay's program: it is healthy, as far as the network lets it.
func (n *networkCase) serveRelay(w http.ResponseWriter, r *http.Request) {
	n.relay.Add(1)
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch n.f.when {
	case always:
		right(&n.d, w, r)
	case afterOpening:
		send(w, n.d.opening)
		for n.net.ResponseBytes() < int64(len(n.d.opening[0])+100) && r.Context().Err() == nil {
			runtime.Gosched() // until the header is on its way
		}
		n.net.Break(n.f.end)
		hang(r)
	case afterContent:
		send(w, n.d.opening, n.d.content[:1])
		hang(r)
	}
}

// spoken is what reaches the caller before the network breaks after content.
func (n *networkCase) spoken() string { return strings.Join(n.d.opening, "") + n.d.content[0] }

func (n *networkCase) check(resp *http.Response, body string, err error) {
	n.t.Helper()
	switch {
	case n.f.when == afterContent:
		x := expect{by: "relay", status: 200, body: n.spoken() + n.d.errorEvent}
		x.check(n.t, resp, body, n.primary.Load())
		if err == nil {
			n.t.Error("the caller's connection ended well")
		}
		return
	case n.f.why == "":
		x := expect{by: "relay", status: 200}
		x.check(n.t, resp, body, n.primary.Load())
		n.exact(body)
	case n.fallback:
		x := expect{by: "primary", why: strings.ReplaceAll(string(n.f.why), "_", "-"), status: 200, primary: 1}
		x.check(n.t, resp, body, n.primary.Load())
		n.exact(body)
	default:
		x := expect{by: "cutover", status: http.StatusBadGateway, body: `{"error":{`}
		if n.f.silent {
			x.status = http.StatusGatewayTimeout
		}
		if n.d.name == "messages" {
			x.body = `{"error":{"message":`
		}
		x.check(n.t, resp, body, n.primary.Load())
	}
	if err != nil {
		n.t.Errorf("the caller's connection ended with %v", err)
	}
}

func (n *networkCase) exact(body string) {
	n.t.Helper()
	if want := n.d.whole(n.streamed); body != want {
		n.t.Errorf("body = %q\nwant   %q", body, want)
	}
}
