package router_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// TestStreamsWithoutTheirLastWord is what the table of faults can't hold:
// encoded streams, announced lengths, streams that come in one piece, and the
// reference's, which pass as they are.
func TestStreamsWithoutTheirLastWord(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	half := strings.Join(d.opening, "") + strings.Join(d.content, "")
	lacking := strings.Join(d.lacking(), "")
	whole := func(body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = io.WriteString(w, body)
		}
	}
	packed := gzipped(half)
	for _, row := range []struct {
		name     string
		response func(w http.ResponseWriter)
		fallback bool
		by, want string
		broken   bool
		class    exchange.Class
	}{
		{"encoded", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			send(w, []string{packed[:len(packed)/2], packed[len(packed)/2:]})
		}, false, "relay", packed, false, exchange.ClassUnfinished},
		{"of an announced length", whole(half), false, "relay", half, true, exchange.ClassUnfinished},
		{"of an announced length, and whole", whole(lacking), false, "relay", lacking, false, exchange.ClassNone},
		{"in one piece, and replaceable", whole(half), true, "primary because of unfinished", d.whole(true), false, exchange.ClassNone},
		{"in one piece, and whole", whole(lacking), true, "relay", lacking, false, exchange.ClassNone},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), setup{
				decide: func(flags.Attributes) flags.Decision {
					return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: row.fallback}
				},
				relayHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { row.response(w) }),
			})
			resp := b.post(t, context.Background(), d.path, streamed)
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			rest, ok := strings.CutPrefix(string(got), row.want)
			if by(resp) != row.by || !ok || (err != nil) != row.broken || strings.HasPrefix(rest, d.errorEvent) != row.broken ||
				!row.broken && rest != "" {
				t.Errorf("served by %s: %q, %v\nwant %s: %q, broken: %v", by(resp), got, err, row.by, row.want, row.broken)
			}
			_, x := b.exchangeOf(1)
			if x.Class != row.class {
				t.Errorf("recorded as %q, want %q", x.Class, row.class)
			}
			if lacks := row.by == "relay"; slices.Contains(x.Faults, "no_done") != lacks {
				t.Errorf("faults %q, want no_done: %v", x.Faults, lacks)
			}
		})
	}
	t.Run("the reference's", func(t *testing.T) {
		t.Parallel()
		b := newBench(
			t,
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { whole(half)(w) }),
			setup{decide: func(flags.Attributes) flags.Decision {
				return flags.Decision{RelayEnabled: true, Fallback: true}
			}},
		)
		resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
		if got != half || resp.ContentLength != int64(len(half)) {
			t.Errorf("%q of %d bytes, want what the primary said, with its length", got, resp.ContentLength)
		}
		if _, x := b.exchangeOf(1); x.Class != exchange.ClassUnfinished {
			t.Errorf("recorded as %q", x.Class)
		}
	})
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// TestAProviderWithoutDONEIsNotDown: that is a fault of form, which the
// comparison shows; callers had all of every response.
func TestAProviderWithoutDONEIsNotDown(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	policies := &upstream.Policies{Breaker: upstream.NewBreaker(upstream.BreakerOptions{MinCalls: 5, OpenFor: time.Hour}, time.Now())}
	b, primary := policyBench(t, policies, func(w http.ResponseWriter, _ *http.Request) { send(w, d.lacking()) }, nil)
	for range 12 {
		resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
		if by(resp) != "relay" || got != strings.Join(d.lacking(), "") {
			t.Fatalf("served by %s: %q, want the relay's response", by(resp), got)
		}
	}
	if primary.Load() != 0 {
		t.Errorf("the primary was called %d times", primary.Load())
	}
}
