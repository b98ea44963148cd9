package compare

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cutover/exchange"
)

// Known are values that a sample must not hold, whatever its capture: unlike Redact, which
// guesses by shape, it knows them.
type Known struct {
	// Secrets are the sidecar's own keys. Those of the request are read from it.
	Secrets []string
	// Salt is the key of the hashes that stand for people in redacted samples: the same
	// person has the same hash in one deployment, and nobody can find out whose it is.
	Salt []byte
}

// minSecret is the length from which on a value is taken for a secret; what is shorter ("x",
// "none") keeps nobody out and would be found in every other text.
const minSecret = 6

// secretMark stands where a known secret was.
const secretMark = "[key]"

// secretName matches names of headers and parameters whose values let somebody in, or name
// an account.
var secretName = regexp.MustCompile(`(?i)key|token|secret|auth|passw|cookie|credential|session|signature|organization|project|workspace`)

// secretsOf lists what a request authenticates with, under any name that gateways use.
func secretsOf(q *exchange.Request) (secrets []string) {
	if q == nil {
		return nil
	}
	for name, values := range q.Header {
		if secretName.MatchString(name) {
			for _, v := range values {
				secrets = append(secrets, partsOfSecret(name, v)...)
			}
		}
	}
	for part := range strings.SplitSeq(q.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if secretName.MatchString(name) {
			secrets = append(secrets, percentDecoded(value))
		}
	}
	return secrets
}

// partsOfSecret takes a header's value apart: what follows the scheme, the two halves of
// Basic, each cookie.
func partsOfSecret(name, value string) []string {
	parts := []string{value}
	if strings.EqualFold(name, "Cookie") {
		for cookie := range strings.SplitSeq(value, ";") {
			if _, v, ok := strings.Cut(cookie, "="); ok {
				parts = append(parts, strings.TrimSpace(v))
			}
		}
		return parts
	}
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok {
		return parts
	}
	rest = strings.TrimSpace(rest)
	parts = append(parts, rest)
	if plain, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
		_, password, _ := strings.Cut(string(plain), ":")
		parts = append(parts, string(plain), password)
	}
	return parts
}

// scrubber replaces known values.
type scrubber struct {
	secrets  []string // in every way of writing
	replacer *strings.Replacer
	people   *strings.Replacer // of redacted samples; never nil
	salt     []byte
}

// scrubber of one pair's sample.
func (k Known) scrubber(q *exchange.Request) *scrubber {
	s := &scrubber{salt: k.Salt, people: strings.NewReplacer()}
	for _, secret := range slices.Concat(k.Secrets, secretsOf(q)) {
		if len(secret) >= minSecret {
			s.secrets = append(s.secrets, spellings(secret)...)
		}
	}
	// The longest first: "Bearer abc" before "abc".
	slices.SortFunc(s.secrets, func(a, b string) int {
		if d := len(b) - len(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	s.secrets = slices.Compact(s.secrets)
	pairs := make([]string, 0, 2*len(s.secrets))
	for _, secret := range s.secrets {
		pairs = append(pairs, secret, secretMark)
	}
	s.replacer = strings.NewReplacer(pairs...)
	return s
}

// spellings are the ways in which a value is written in JSON and in URLs.
func spellings(secret string) []string {
	all := []string{secret, percentEncoded(secret), strings.ReplaceAll(secret, "/", `\/`)}
	if quoted, err := json.Marshal(secret); err == nil {
		all = append(all, string(quoted[1:len(quoted)-1]))
	}
	return all
}

// percentEncoded writes a value as a URL's query does.
func percentEncoded(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// percentDecoded reads a value of a URL's query; what is wrong in it stays as it is.
func percentDecoded(value string) string {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+2 < len(value) {
			if n, err := strconv.ParseUint(value[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		if value[i] == '+' {
			out = append(out, ' ')
			continue
		}
		out = append(out, value[i])
	}
	return string(out)
}

// found reports whether a text holds a known secret.
func (s *scrubber) found(text string) bool {
	for _, secret := range s.secrets {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// text replaces the secrets in a text.
func (s *scrubber) text(text string) string { return s.replacer.Replace(text) }

// body replaces the secrets in a raw body. One that hides them is left out: its text holds
// one but the body does not, since it is spread over events or written with escapes. Of one
// that was cut, the beginning of a secret at its end goes too.
func (s *scrubber) body(body []byte, isCut, inText bool) string {
	text := string(body)
	if inText && !s.found(text) || s.found(unescape(text)) && !s.found(text) {
		return "[left out: it holds a key that can't be replaced]"
	}
	text = s.text(text)
	for _, secret := range s.secrets {
		for n := len(secret) - 1; isCut && n >= minSecret; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				return text[:len(text)-n] + secretMark
			}
		}
	}
	return text
}

var unicodeEscape = regexp.MustCompile(`\\u00[0-7][0-9a-fA-F]`)

// unescape decodes the escapes that JSON allows for ASCII.
func unescape(text string) string {
	if !strings.Contains(text, `\u00`) {
		return text
	}
	return unicodeEscape.ReplaceAllStringFunc(text, func(escape string) string {
		n, _ := strconv.ParseUint(escape[2:], 16, 8) // the pattern has hexadecimal digits only
		return string(rune(n))
	})
}

// personField matches members that identify a person at any depth of a request, and
// personFields those that do so at its top.
var personField = regexp.MustCompile(`(?i)^(?:end[_-]?)?user[_-]?(?:id|name|email|identifier)$|^safety_identifier$`)

var personFields = map[string]bool{"user": true, "safety_identifier": true, "prompt_cache_key": true}

// requestBody redacts a request's body and replaces people's ids by their hashes.
func (s *scrubber) requestBody(body []byte) string {
	v, err := decodeJSON([]byte(s.text(string(body))))
	if err != nil {
		return Redact(strings.ToValidUTF8(s.text(string(body)), "�"))
	}
	var pairs []string
	var set []func()
	var walk func(v any, top bool)
	walk = func(v any, top bool) {
		switch x := v.(type) {
		case []any:
			for _, item := range x {
				walk(item, false)
			}
		case map[string]any:
			for key, item := range x {
				id, isText := item.(string)
				if number, ok := item.(json.Number); ok {
					id, isText = number.String(), true
				}
				if !isText || id == "" || !personField.MatchString(key) && (!top || !personFields[key]) {
					walk(item, false)
					continue
				}
				hash := s.person(id)
				set = append(set, func() { x[key] = hash })
				if isTelling(id) {
					pairs = append(pairs, id, hash)
				}
			}
		}
	}
	walk(v, true)
	redacted := redactValue(v)
	for _, f := range set {
		f() // after the redaction, which would take a hash for a key
	}
	s.people = strings.NewReplacer(pairs...)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(redacted); err != nil {
		return `"[unreadable]"`
	}
	return s.people.Replace(string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
}

// isTelling reports whether an id is worth replacing where it stands in other texts too: a
// word such as "default" is not.
func isTelling(id string) bool {
	return len(id) >= 8 && strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsLetter(r) && r != ' ' })
}

// person stands for a person's id.
func (s *scrubber) person(id string) string {
	h := hmac.New(sha256.New, s.salt)
	_, _ = h.Write([]byte(id)) // never fails
	return "[person " + hex.EncodeToString(h.Sum(nil)[:8]) + "]"
}
