package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"cutover/internal/wording"
)

// Environ is the process's environment as NAME=value lines.
type Environ []string

// Lookup returns the last value of a variable, as a shell would see it.
func (e Environ) Lookup(name string) (string, bool) {
	for _, line := range slices.Backward(e) {
		if k, v, ok := strings.Cut(line, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

// Get is Lookup for callers that treat an empty variable like a missing one.
func (e Environ) Get(name string) string {
	v, _ := e.Lookup(name)
	return v
}

// otherVariables are the CUTOVER_ variables that do not set a key.
func otherVariables() []string {
	return []string{envConfig}
}

// envConfig names the configuration file.
const envConfig = "CUTOVER_CONFIG"

// orchestratorVariable matches the variables that Kubernetes and Docker set in every
// container next to a service whose name starts with "cutover":
// CUTOVER_SERVICE_HOST, CUTOVER_PORT_8080_TCP_ADDR, ... They are neither settings
// nor mistakes.
var orchestratorVariable = regexp.MustCompile(`^CUTOVER_(.+_)?(SERVICE_(HOST|PORT)(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// envSetting sets one key, or one part of it, from an environment variable.
type envSetting struct {
	name string
	leaf *leaf
	part string // "" for the whole; "file" for a secret's path; else the part of auth
}

// envSettings lists every variable that is a setting.
func (s *schema) envSettings() []envSetting {
	var all []envSetting
	for i := range s.leaves {
		l := &s.leaves[i]
		for _, name := range l.envNames() {
			all = append(all, envSetting{name, l, ""})
			switch l.typ {
			case typeSecret, typeRedisURL:
				all = append(all, envSetting{name + "_FILE", l, "file"})
			case typeAuth:
				for _, part := range authParts() {
					suffix := "_" + strings.ToUpper(strings.ReplaceAll(part, ".", "_"))
					all = append(all, envSetting{name + suffix, l, part})
					if !strings.HasSuffix(part, ".name") {
						all = append(all, envSetting{name + suffix + "_FILE", l, part + ".file"})
					}
				}
			}
		}
	}
	return all
}

// authParts are the keys below auth that a variable can set: the secrets
// themselves, and the names that two of them need.
func authParts() []string {
	var parts []string
	for _, k := range authSecretKinds {
		if !k.named {
			parts = append(parts, string(k.kind))
			continue
		}
		parts = append(parts, string(k.kind)+".name", string(k.kind)+".value")
	}
	return parts
}

// environment applies what CUTOVER_ variables set. An empty variable counts as not
// set, because compose files turn a missing variable into an empty one.
func (ld *loading) environment() {
	settings := ld.schema.envSettings()
	parts := map[*leaf]*authFromEnv{}
	var order []*leaf
	for _, s := range settings {
		text, _ := ld.env.Lookup(s.name)
		if strings.TrimSpace(text) == "" {
			continue
		}
		if s.leaf.typ == typeAuth && s.part != "" {
			if parts[s.leaf] == nil {
				parts[s.leaf] = &authFromEnv{}
				order = append(order, s.leaf)
			}
			parts[s.leaf].add(s, text)
			continue
		}
		from := origin{fromEnvironment, s.name}
		if before := ld.origins[s.leaf.key]; before.kind == fromEnvironment {
			ld.problems.add(s.name, s.leaf.key, "also set by %s: keep only one", before.where)
			continue
		}
		ld.fromEnv(s, text, from)
	}
	for _, l := range order {
		ld.authParts(l, parts[l])
	}
}

// fromEnv sets one key. A secret stays in its variable, and the configuration
// refers to it.
func (ld *loading) fromEnv(s envSetting, text string, from origin) {
	ref := Secret{Env: s.name}
	if s.part == "file" {
		ref = Secret{File: strings.TrimSpace(text)}
	}
	v := s.leaf.field(ld.config)
	switch {
	case s.leaf.typ == typeSecret:
		ld.origins[s.leaf.key] = from
		v.Set(reflect.ValueOf(ref))
	case s.leaf.typ == typeRedisURL && (s.part == "file" || hasPassword(text)):
		ld.origins[s.leaf.key] = from
		v.Set(reflect.ValueOf(RedisURL{Ref: ref}))
	default:
		ld.text(s.leaf, text, from)
	}
}

// authFromEnv collects the variables that together form one Auth.
type authFromEnv struct {
	auth  Auth
	first string // the variable that set it
	clash string // a variable of another kind
}

func (a *authFromEnv) add(s envSetting, text string) {
	kind, rest, _ := strings.Cut(s.part, ".")
	if a.first == "" {
		a.first, a.auth.Kind = s.name, AuthKind(kind)
	}
	if a.auth.Kind != AuthKind(kind) || rest != "name" && a.auth.Secret.IsSet() {
		a.clash = s.name
		return
	}
	switch {
	case rest == "name":
		a.auth.Name = strings.TrimSpace(text)
	case rest == "file" || rest == "value.file":
		a.auth.Secret = Secret{File: strings.TrimSpace(text)}
	default:
		a.auth.Secret = Secret{Env: s.name}
	}
}

func (ld *loading) authParts(l *leaf, a *authFromEnv) {
	before := ld.origins[l.key]
	switch {
	case a.clash != "":
		ld.problems.add(a.clash, l.key, "also set by %s: keep only one", a.first)
	case before.kind == fromEnvironment:
		ld.problems.add(a.first, l.key, "also set by %s: keep only one", before.where)
	case !a.auth.Secret.IsSet() || a.auth.Name == "" && (a.auth.Kind == AuthHeader || a.auth.Kind == AuthQuery):
		base := envName(l.key) + "_" + strings.ToUpper(string(a.auth.Kind))
		ld.problems.add(a.first, l.key, "%s_NAME and %s_VALUE (or %s_VALUE_FILE) are both required", base, base, base)
	default:
		ld.origins[l.key] = origin{fromEnvironment, a.first}
		l.field(ld.config).Set(reflect.ValueOf(a.auth))
	}
}

// text sets a key from one line of text: an environment variable, a flag or a
// default.
func (ld *loading) text(l *leaf, text string, from origin) {
	text = strings.TrimSpace(text)
	ld.origins[l.key] = from
	v := l.field(ld.config)
	dec := ld.decoder(func(int) origin { return from })
	if !utf8.ValidString(text) {
		ld.problems.add(from.where, l.key, "not valid UTF-8")
		return
	}
	if l.structured() && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) != 1 {
			ld.problems.add(from.where, l.key, "not valid JSON: %s", expectation(l.typ))
			return
		}
		dec.leaf(doc.Content[0], l)
		return
	}
	switch {
	case l.typ == typeAuth:
		a, ok := authWord(text)
		if !ok {
			ld.problems.add(from.where, l.key, authForms)
			return
		}
		v.Set(reflect.ValueOf(a))
	case l.typ == typeRedisURL:
		if hasPassword(text) {
			ld.problems.add(from.where, l.key, "the URL contains a password, which every user of this machine can see "+
				"in the process list: set CUTOVER_REDIS in the environment instead")
			return
		}
		v.Set(reflect.ValueOf(RedisURL{Plain: text}))
	case l.typ.Kind() == reflect.Map:
		ld.pairs(l, text, from)
	case l.typ.Kind() == reflect.Slice:
		ld.items(l, text, from)
	case l.typ == typeSecret:
		ld.problems.add(from.where, l.key, secretForm)
	default:
		x, err := parseScalar(text, l.typ)
		if err != nil {
			ld.problems.add(from.where, l.key, "found %s: %v", wording.Quote(text), err)
			return
		}
		v.Set(x)
	}
}

// pairs reads name=value,name=value; a price is written model=input/output.
func (ld *loading) pairs(l *leaf, text string, from origin) {
	m := reflect.MakeMap(l.typ)
	for _, item := range splitList(text) {
		name, value, ok := strings.Cut(item, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			ld.problems.add(from.where, l.key, "found %s, expected JSON or NAME=VALUE,NAME=VALUE", wording.Quote(item))
			return
		}
		if m.MapIndex(reflect.ValueOf(name)).IsValid() {
			ld.problems.add(from.where, l.key, "%s is set twice", wording.Quote(name))
			return
		}
		x := reflect.ValueOf(value)
		if l.typ.Elem() == typePrice {
			in, out, _ := strings.Cut(value, "/")
			i, errIn := parseFloat(in)
			o, errOut := parseFloat(out)
			if errIn != nil || errOut != nil {
				ld.problems.add(from.where, l.key, "found %s, expected JSON or MODEL=INPUT/OUTPUT in dollars per million tokens", wording.Quote(item))
				return
			}
			x = reflect.ValueOf(Price{Input: i, Output: o})
		}
		m.SetMapIndex(reflect.ValueOf(name), x)
	}
	l.field(ld.config).Set(m)
}

// items reads item,item,item.
func (ld *loading) items(l *leaf, text string, from origin) {
	list := reflect.Zero(l.typ)
	for _, item := range splitList(text) {
		x, err := parseScalar(item, l.typ.Elem())
		if err != nil {
			ld.problems.add(from.where, l.key, "found %s: %v", wording.Quote(item), err)
			return
		}
		list = reflect.Append(list, x)
	}
	l.field(ld.config).Set(list)
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// unknownVariables reports CUTOVER_ variables that nothing reads: otherwise a
// setting with a typo would be silently ignored. Variables that a secret refers to
// are allowed.
func (ld *loading) unknownVariables() {
	known := otherVariables()
	for _, s := range ld.schema.envSettings() {
		known = append(known, s.name)
	}
	for _, s := range ld.config.secrets() {
		known = append(known, s.secret.Env)
	}
	for _, line := range ld.env {
		name, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || orchestratorVariable.MatchString(name) {
			continue
		}
		if near := wording.Nearest(name, known); near != "" {
			ld.problems.add(name, "", "unknown environment variable: did you mean %s?", near)
			continue
		}
		ld.problems.add(name, "", "unknown environment variable: names that start with %s are reserved "+
			"for the settings in docs/configuration.md", envPrefix)
	}
}
