package upstream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var keysStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func value(keys ...string) (s []KeySource) {
	for i, k := range keys {
		s = append(s, KeySource{Name: fmt.Sprintf("KEY_%d", i+1), Value: k})
	}
	return s
}

func newKeys(t *testing.T, o KeysOptions) *Keys {
	t.Helper()
	o.Upstream = "relay"
	k, err := NewKeys(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyShapes(t *testing.T) {
	t.Parallel()
	shape := KeyShape{Prefix: "sk-", MinLength: 10, MaxLength: 20}
	for _, row := range []struct {
		key   string
		shape KeyShape
		want  string // "": it is good
	}{
		{"sk-123456789", shape, ""},
		{"  sk-123456789\r\n", shape, ""},
		{"anything", KeyShape{}, ""},
		{"", shape, "empty"},
		{" \n", shape, "empty"},
		{"Bearer sk-123456789", shape, "Bearer"},
		{"bearer sk-123456789", KeyShape{}, "Bearer"},
		{"sk-1234 56789", shape, "space"},
		{"sk-1234\u00a056789", shape, "space"},
		{"sk-1234\u200b56789", shape, "space"},
		{"Token sk-123456789", KeyShape{Scheme: true}, ""},
		{"Bearer sk-123456789", KeyShape{Scheme: true}, ""},
		{"Token sk-12345\n6789", KeyShape{Scheme: true}, "space"},
		{`"sk-123456789"`, KeyShape{}, "quotes"},
		{"pk-123456789", shape, `"sk-"`},
		{"sk-1234", shape, "at least 10"},
		{"sk-123456789012345678", shape, "at most 20"},
		{strings.Repeat("x", 5000), KeyShape{}, "at most 4096"},
	} {
		_, err := NewKeys(KeysOptions{Upstream: "relay", Sources: value(row.key), Shape: row.shape})
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%q: %v", row.key, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "KEY_1")):
			t.Errorf("%q: %v, want %q and the source's name", row.key, err, row.want)
		case err != nil && (strings.Contains(err.Error(), "123456") || strings.Contains(err.Error(), "1234 ")):
			t.Errorf("the error shows the key: %v", err)
		}
	}
	if _, err := NewKeys(KeysOptions{}); err == nil {
		t.Error("no source is accepted")
	}
}

func TestKeysTakeTurnsAndBadOnesAreSetAside(t *testing.T) {
	t.Parallel()
	var events []KeyEvent
	k := newKeys(t, KeysOptions{Sources: value("key-a", "key-b", "key-c", "key-a"), Changed: func(e KeyEvent) { events = append(events, e) }})
	picks := func(now time.Time) string {
		var out []string
		for range 6 {
			key, ok := k.Pick(now)
			out = append(out, strings.TrimPrefix(key.Secret(), "key-"))
			if !ok {
				out = append(out, "!")
			}
		}
		return strings.Join(out, "")
	}
	if got := picks(keysStart); got != "abcabc" {
		t.Errorf("picked %s", got)
	}
	key := func(secret string) Key {
		for {
			if key, _ := k.Pick(keysStart); key.Secret() == secret {
				return key
			}
		}
	}
	a, b, c := key("key-a"), key("key-b"), key("key-c")
	for _, row := range []struct {
		status int
		code   string
	}{{200, ""}, {400, ""}, {404, "model_not_found"}, {429, "rate_limit_exceeded"}, {500, ""}, {0, ""}} {
		if k.Report(b, row.status, row.code, keysStart) {
			t.Errorf("a key is set aside for %d %s", row.status, row.code)
		}
	}
	if !k.Report(b, 401, "invalid_api_key", keysStart) || !k.Report(b, 401, "", keysStart) {
		t.Error("a key is not set aside for 401")
	}
	if got := picks(keysStart); strings.Contains(got, "b") || len(got) != 6 {
		t.Errorf("picked %s", got)
	}
	k.Report(a, 429, "insufficient_quota", keysStart.Add(time.Second))
	k.Report(c, 403, "", keysStart)
	if got := picks(keysStart.Add(2 * time.Second)); got != "c!c!c!c!c!c!" {
		t.Errorf("with all set aside: picked %s, want the one that comes back first", got)
	}
	states, _ := k.State(keysStart.Add(2 * time.Second))
	var said []string
	for _, s := range states {
		said = append(said, s.Quarantine)
	}
	if got := strings.Join(said, " "); got != "quota 401 403" {
		t.Errorf("set aside for %s", got)
	}
	if got := picks(keysStart.Add(61 * time.Second)); got != "cccccc" {
		t.Errorf("after a minute: picked %s", got)
	}
	k.Report(a, 200, "", keysStart.Add(62*time.Second)) // it was tried, and works
	if got := picks(keysStart.Add(62 * time.Second)); strings.Count(got, "a") < 2 || strings.Contains(got, "b") {
		t.Errorf("after a good answer: picked %s", got)
	}
	if got := picks(keysStart.Add(301 * time.Second)); strings.Count(got, "b") != 2 {
		t.Errorf("after five minutes: picked %s", got)
	}
	if len(events) != 3 || events[0].Key != b.ID() || events[0].Reason != "401" || events[0].Keys != 3 {
		t.Errorf("events %+v", events)
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%v %+v %#v %s", a, a, a, a), fmt.Sprintf("%+v %+v", events, states)} {
		if strings.Contains(text, "key-a") || strings.Contains(text, "key-b") {
			t.Errorf("a key is shown: %s", text)
		}
	}
	if k.Report(Key{}, 401, "", keysStart) || (Key{}).Secret() != "" {
		t.Error("no key is a key")
	}
}

func TestKeyFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	write := func(text string) {
		t.Helper()
		// As editors and mounted secrets do: a new file in the old one's place.
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufeff# made by hand\n\nsk-one\nsk-two\r\n")
	events := make(chan KeyEvent, 100)
	k := newKeys(t, KeysOptions{
		Sources: []KeySource{{Name: "relay.key", File: path}, {Name: "RELAY_KEY", Value: "sk-env"}},
		Shape:   KeyShape{Prefix: "sk-"}, Poll: time.Hour, Changed: func(e KeyEvent) { events <- e },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	count := func() int { s, _ := k.State(keysStart); return len(s) }
	if n := count(); n != 3 {
		t.Fatalf("%d keys, want 3", n)
	}
	one, _ := k.Pick(keysStart)
	k.Report(one, 401, "", keysStart)
	<-events
	write("sk-one\nsk-three\nsk-four")
	within(t, 5*time.Second, "the new file is in force", func() bool { return count() == 4 })
	if e := <-events; e.Event != "reloaded" || e.Keys != 4 {
		t.Errorf("event %+v", e)
	}
	states, _ := k.State(keysStart)
	if states[0].Key != one.ID() || states[0].Quarantine != "401" {
		t.Errorf("a key that stayed lost its state: %+v", states)
	}
	write("pk-secret-and-wrong")
	var e KeyEvent
	within(t, 5*time.Second, "the wrong file is noticed", func() bool {
		select {
		case e = <-events:
			return true
		default:
			return false
		}
	})
	if _, trouble := k.State(keysStart); e.Event != "reload_failed" || count() != 4 || !strings.Contains(trouble, `"sk-"`) ||
		strings.Contains(trouble, "secret") {
		t.Errorf("event %+v, %d keys, trouble %q", e, count(), trouble)
	}
	k.Reload()
	k.Reload()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Second, "the missing file is noticed", func() bool {
		_, trouble := k.State(keysStart)
		return strings.Contains(trouble, "no such file")
	})
	if count() != 4 {
		t.Error("a missing file took the keys away")
	}
	write("sk-one\nsk-three\nsk-four")
	within(t, 5*time.Second, "it heals", func() bool {
		_, trouble := k.State(keysStart)
		return trouble == ""
	})
	failed := 0
	for len(events) > 0 {
		if e := <-events; e.Event == "reload_failed" {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d more failures told, want 1: each once", failed)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// Kubernetes mounts a secret as a link to a link, and switches the second.
func TestAMountedSecretSwitchesItsLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount := func(version, key string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "key"), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..2026_01", "one")
	path := filepath.Join(dir, "key")
	if err := os.Symlink(filepath.Join("..data", "key"), path); err != nil {
		t.Fatal(err)
	}
	k := newKeys(t, KeysOptions{Sources: []KeySource{{Name: "relay.key", File: path}}, Poll: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	mount("..2026_02", "two\nthree")
	if err := os.RemoveAll(filepath.Join(dir, "..2026_01")); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Second, "the new secret is in force", func() bool {
		key, _ := k.Pick(keysStart)
		return key.Secret() == "two" || key.Secret() == "three"
	})
}

func TestKeyFilesThatAreNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	for text, want := range map[string]string{
		"":                         "no key",
		"# nothing\n":              "no key",
		strings.Repeat("x", 70000): "64 KiB",
		"a b":                      "space",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewKeys(KeysOptions{Sources: []KeySource{{Name: "relay.key", File: path}}}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("a file of %d bytes: %v, want %q", len(text), err, want)
		}
	}
}

func TestKeysPolled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := newKeys(t, KeysOptions{Sources: []KeySource{{Name: "relay.key", File: path}}})
	if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.Reload()
	if key, _ := k.Pick(keysStart); key.Secret() != "two" {
		t.Error("a look at the files does not see that they changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newKeys(t, KeysOptions{Sources: value("x")}).Run(ctx); err != nil {
		t.Error(err)
	}
}

// within waits until the condition holds, checking it every millisecond.
func within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}
