package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ base, path, want string }{
		{"https://api.openai.com/v1", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"},
		{"https://api.openai.com/v1/", "/v1/models", "https://api.openai.com/v1/models"},
		{"https://relay.example/openai/v1", "/v1/models", "https://relay.example/openai/v1/models"},
		{"https://relay.example/openai/v1", "/v1", "https://relay.example/openai/v1"},
		{"https://relay.example/openai/v1", "/health", "https://relay.example/openai/health"},
		{"https://relay.example/api", "/v1/models", "https://relay.example/api/models"},
		{"https://relay.example", "/v1/models", "https://relay.example/models"},
		{"https://relay.example", "/", "https://relay.example/"},
		{"https://relay.example/v1", "/v1beta/models", "https://relay.example/v1beta/models"},
		{"https://relay.example/a%2Fb/v1", "/v1/models/x%2Fy", "https://relay.example/a%2Fb/v1/models/x%2Fy"},
	} {
		u, err := New(Config{Name: "relay", BaseURL: row.base})
		if err != nil {
			t.Errorf("New(%s) = %v", row.base, err)
			continue
		}
		if got := u.url(row.path, ""); got.String() != row.want {
			t.Errorf("%s with base %s goes to %s, want %s", row.path, row.base, got, row.want)
		}
	}
}

func TestBadConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		c    Config
		want string
	}{
		{Config{}, "base_url: missing"},
		{Config{BaseURL: "api.openai.com/v1"}, "http:// or https://"},
		{Config{BaseURL: "ftp://x/v1"}, "http:// or https://"},
		{Config{BaseURL: "https://user:secret@x/v1"}, "user or password"},
		{Config{BaseURL: "https://x/v1?key=secret"}, "query"},
		{Config{BaseURL: "http://%zz:secret/"}, "not a URL"},
		{Config{BaseURL: "https://x", Protocol: "h3"}, `protocol "h3" is unknown`},
		{Config{BaseURL: "https://x", CAFile: "/does/not/exist"}, "ca: "},
	} {
		row.c.Name = "relay"
		_, err := New(row.c)
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "upstream relay: ") {
			t.Errorf("New(%q) = %v, want an error of upstream relay with %q", row.c.BaseURL, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
}

func TestAuthIsNeverPrinted(t *testing.T) {
	t.Parallel()
	a := Auth{Kind: Bearer, Key: "sk-secret"}
	for _, s := range []string{fmt.Sprint(a), fmt.Sprintf("%v %+v %#v %s", a, a, a, a), fmt.Sprintf("%+v", Config{Auth: a})} {
		if strings.Contains(s, "sk-secret") {
			t.Errorf("printed as %s", s)
		}
	}
}

func TestQueryAuth(t *testing.T) {
	t.Parallel()
	a := Auth{Kind: InQuery, Name: "key", Key: "a b"}
	for _, row := range []struct{ query, want string }{
		{"", "key=a+b"},
		{"x=1", "x=1&key=a+b"},
		{"key=callers&x=%20&API%5Fkey=callers", "x=%20&key=a+b"},
	} {
		if got := a.apply(http.Header{}, http.Header{}, row.query); got != row.want {
			t.Errorf("apply(%q) = %q, want %q", row.query, got, row.want)
		}
	}
}

// TestSilenceIsNoticedWithoutData calls upstreams that go silent at each point;
// each call must end by its own limit, with the class that names it.
func TestSilenceIsNoticedWithoutData(t *testing.T) {
	t.Parallel()
	const limit, ever = 100 * time.Millisecond, time.Hour
	for _, row := range []struct {
		name     string
		timeouts Timeouts
		speak    int // 0: no header; 1: header; 2: header and content
		want     exchange.Class
	}{
		{"header", Timeouts{Header: limit, FirstToken: ever, Idle: ever}, 0, exchange.ClassHeaderTimeout},
		{"first token", Timeouts{Header: ever, FirstToken: limit, Idle: ever}, 1, exchange.ClassFirstToken},
		{"idle before content", Timeouts{Idle: limit}, 1, exchange.ClassIdle},
		{"idle", Timeouts{Header: ever, FirstToken: ever, Idle: limit}, 2, exchange.ClassIdle},
		{"total, before the header", Timeouts{Total: limit}, 0, exchange.ClassTimeout},
		{"total, in the answer", Timeouts{Header: ever, Idle: ever, Total: limit}, 2, exchange.ClassTimeout},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				if row.speak > 0 {
					w.WriteHeader(200)
					w.(http.Flusher).Flush()
				}
				if row.speak > 1 {
					_, _ = w.Write([]byte("x"))
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			}))
			defer srv.Close()
			u, err := New(Config{Name: "x", BaseURL: srv.URL, Timeouts: row.timeouts})
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			ctx, watch := u.Timeouts().Begin(context.Background(), time.Now())
			defer watch.Stop()
			class, err := callOnce(ctx, u, watch, srv.URL)
			if class != row.want {
				t.Errorf("class = %q (%v), want %q", class, err, row.want)
			}
			<-gone // the upstream sees the end of the call too
		})
	}
}

// callOnce calls u and reads its answer to the end, as the router does.
func callOnce(ctx context.Context, u *Upstream, watch *Watchdog, url string) (exchange.Class, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := u.RoundTrip(req)
	if err != nil {
		class, _ := Classify(ctx, err)
		return class, err
	}
	defer resp.Body.Close()
	watch.HeaderReceived(time.Now())
	buf := make([]byte, 10)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			watch.DataReceived(true, time.Now())
		}
		if err != nil {
			class, _ := Classify(ctx, err)
			return class, err
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if class, _ := Classify(ctx, errors.New("x")); class != exchange.ClassAborted {
		t.Errorf("a cancelled call is %q, want aborted", class)
	}
	for _, row := range []struct {
		base   string
		class  exchange.Class
		detail string
	}{
		{"http://127.0.0.1:1", exchange.ClassConnect, "refused"},
		{"http://no-such-host.invalid", exchange.ClassConnect, "dns"},
	} {
		u, err := New(Config{Name: "x", BaseURL: row.base})
		if err != nil {
			t.Fatal(err)
		}
		ctx, watch := u.Timeouts().Begin(context.Background(), time.Now())
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, row.base, nil)
		_, err = u.RoundTrip(req)
		if class, detail := Classify(ctx, err); class != row.class || detail != row.detail {
			t.Errorf("%s: %q %q (%v), want %q %q", row.base, class, detail, err, row.class, row.detail)
		}
		watch.Stop()
		u.Close()
	}
}
