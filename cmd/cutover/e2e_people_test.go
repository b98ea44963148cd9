package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// people are the fields of a request that name the caller's people.
type people struct {
	User             string         `json:"user"`
	SafetyIdentifier string         `json:"safety_identifier"`
	Metadata         map[string]any `json:"metadata"`
}

// whoIsCopied asks for a response that names people and returns who the primary
// was told of and who the relay was, which got the copy.
func whoIsCopied(t *testing.T, settings ...string) (primary, relay people) {
	t.Helper()
	r := startSidecar(t, startProvider(t, mock.Config{}), startProvider(t, mock.Config{}), append(settings, mirrorAll)...)
	body := `{"model":"gpt-4o","user":"anna","safety_identifier":"anna","metadata":{"user_id":"anna","run":"7"},"messages":[{"role":` +
		`"user","content":"hi"}]}`
	a, err := loadRequest{"chat/completions", body}.send(within(t), newHTTPClient(t), r.URL())
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("%d, %v", a.status, err)
	}
	r.settled(t)
	read := func(p *provider) (out people) {
		journal := p.Journal()
		if len(journal) != 1 {
			t.Fatalf("%d calls", len(journal))
		}
		if err := json.Unmarshal(journal[0].Body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	return read(r.primary), read(r.relay)
}

// What copies tell of people is for each provider to be set, and nothing unless
// it is. The response's own provider is told what the caller wrote.
func TestWhatCopiesTellOfPeople(t *testing.T) {
	const key = "CUTOVER_UPSTREAMS_RELAY_SHADOW_IDENTITY_KEY=0123456789abcdef"
	told, copied := whoIsCopied(t)
	if told.User != "anna" || told.Metadata["run"] != "7" {
		t.Errorf("the primary was told %+v", told)
	}
	if copied.User != "" || copied.SafetyIdentifier != "" || copied.Metadata != nil {
		t.Errorf("by default the relay is told %+v", copied)
	}
	_, kept := whoIsCopied(t, "CUTOVER_UPSTREAMS_RELAY_SHADOW_IDENTITY_USER=keep", "CUTOVER_UPSTREAMS_RELAY_SHADOW_IDENTITY_METADATA=keep")
	if kept.User != "anna" || kept.SafetyIdentifier != "anna" || kept.Metadata["user_id"] != "anna" || kept.Metadata["run"] != "7" {
		t.Errorf("with all kept: %+v", kept)
	}
	_, one := whoIsCopied(t, "CUTOVER_UPSTREAMS_RELAY_SHADOW_IDENTITY_USER=hash", key)
	told, two := whoIsCopied(t, "CUTOVER_UPSTREAMS_RELAY_SHADOW_IDENTITY_USER=hash", key)
	_, drawn := whoIsCopied(t, "CUTOVER_UPSTREAMS_RELAY_SHADOW_IDENTITY_USER=hash")
	if one.User == "" || strings.Contains(one.User, "anna") || one.SafetyIdentifier != one.User || one.Metadata["user_id"] != one.User ||
		one.Metadata["run"] != nil {
		t.Errorf("hashed: %+v", one)
	}
	if two.User != one.User || drawn.User == one.User || drawn.User == "" {
		t.Errorf("the same person is %q and %q by one key, and %q by another", one.User, two.User, drawn.User)
	}
	if told.User != "anna" {
		t.Errorf("the primary was told %+v", told)
	}
}
