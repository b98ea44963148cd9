package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// The functions in this file decode values that may contain a secret. None of
// their messages repeats a value.

// secret decodes {env: NAME} or {file: PATH}.
func (d *decoder) secret(n *yaml.Node, key string) (Secret, bool) {
	n = target(n)
	if n.Kind == yaml.ScalarNode {
		d.report(n.Line, key, secretForm)
		return Secret{}, false
	}
	if n.Kind != yaml.MappingNode {
		d.report(n.Line, key, "found a list, expected {env: NAME} or {file: PATH}")
		return Secret{}, false
	}
	var s Secret
	count := 0
	for k, v := range d.pairs(n, key) {
		v = target(v)
		count++
		switch {
		case k.Value != "env" && k.Value != "file":
			d.report(k.Line, key, "unknown key in a secret: expected {env: NAME} or {file: PATH}")
			return Secret{}, false
		case v.Kind != yaml.ScalarNode || v.Tag != "!!str" || strings.TrimSpace(v.Value) == "":
			d.report(v.Line, join(key, k.Value), "expected a name as text")
			return Secret{}, false
		case k.Value == "env":
			if !isEnvName(v.Value) || looksLikeKey(v.Value) {
				d.report(v.Line, join(key, k.Value), "expected the name of an environment variable (letters, digits, _), not the secret itself")
				return Secret{}, false
			}
			s.Env = v.Value
		default:
			s.File = v.Value
		}
	}
	if count != 1 {
		d.report(n.Line, key, "expected exactly one of {env: NAME} and {file: PATH}")
		return Secret{}, false
	}
	return s, true
}

func isEnvName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// looksLikeKey reports whether a word that could be a variable's name is more
// likely a key: long, with letters and digits mixed, and without underscores.
func looksLikeKey(s string) bool {
	return len(s) >= 20 && !strings.Contains(s, "_") && strings.ContainsAny(s, "0123456789") && s != strings.ToUpper(s)
}

// auth decodes the credentials of an upstream.
func (d *decoder) auth(n *yaml.Node, key string) (Auth, bool) {
	if n.Kind == yaml.ScalarNode {
		a, ok := authWord(n.Value)
		if !ok {
			d.report(n.Line, key, authForms)
		}
		return a, ok
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		d.report(n.Line, key, authForms)
		return Auth{}, false
	}
	for k, v := range d.pairs(n, key) {
		for _, kind := range authSecretKinds {
			if k.Value != string(kind.kind) {
				continue
			}
			if kind.named {
				return d.namedSecret(target(v), kind.kind, key)
			}
			s, ok := d.secret(v, join(key, k.Value))
			return Auth{Kind: kind.kind, Secret: s}, ok
		}
		d.report(k.Line, key, authForms)
	}
	return Auth{}, false
}

// namedSecret decodes {name: NAME, value: SECRET}.
func (d *decoder) namedSecret(n *yaml.Node, kind AuthKind, authKey string) (Auth, bool) {
	key := join(authKey, string(kind))
	if n.Kind != yaml.MappingNode {
		d.report(n.Line, key, "expected {name: NAME, value: SECRET} where SECRET is {env: NAME} or {file: PATH}")
		return Auth{}, false
	}
	a, ok := Auth{Kind: kind}, true
	for k, v := range d.pairs(n, key) {
		v = target(v)
		switch k.Value {
		case "name":
			if v.Kind != yaml.ScalarNode || v.Tag != "!!str" {
				d.report(v.Line, key+".name", "expected a name as text")
				ok = false
				continue
			}
			a.Name = v.Value
		case "value":
			s, good := d.secret(v, key+".value")
			a.Secret, ok = s, ok && good
		default:
			d.report(k.Line, key, "unknown key: expected name or value")
			ok = false
		}
	}
	if ok && (a.Name == "" || !a.Secret.IsSet()) {
		d.report(n.Line, key, "name and value are both required")
		return Auth{}, false
	}
	return a, ok
}

// redis decodes a URL without a password, or a reference to one with.
func (d *decoder) redis(n *yaml.Node, key string) (RedisURL, bool) {
	if n.Kind == yaml.MappingNode {
		s, ok := d.secret(n, key)
		return RedisURL{Ref: s}, ok
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		d.report(n.Line, key, "expected a URL such as redis://host:6379/0, or {env: NAME} or {file: PATH} if it has a password")
		return RedisURL{}, false
	}
	if hasPassword(n.Value) {
		d.report(n.Line, key, "the URL contains a password: "+secretForm)
		return RedisURL{}, false
	}
	return RedisURL{Plain: n.Value}, true
}
