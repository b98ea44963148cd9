package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Redact removes from a text what names or lets in a person: e-mail addresses,
// phone, card and bank account numbers, keys, tokens and passwords, in any
// script's digits. A marker like [email] stands where they were. It would rather
// remove too much than too little.
func Redact(text string) string {
	digits := countDigits(text)
	for i := range redactions {
		r := &redactions[i]
		if digits < r.digits || !containsAny(text, r.hints) {
			continue
		}
		if r.accept == nil {
			text = r.pattern.ReplaceAllString(text, *r.with)
			continue
		}
		text = r.pattern.ReplaceAllStringFunc(text, func(found string) string {
			if r.accept(found) {
				return r.mark
			}
			return found
		})
	}
	return text
}

// redaction is one thing to remove.
type redaction struct {
	pattern *regexp.Regexp
	with    *string           // replacement, which may name groups; or:
	mark    string            // what to put where accept agrees
	accept  func(string) bool // looks closer than the pattern can
	// hints and digits spare the search: without any of the hints, or with
	// fewer digits, the pattern can't match.
	hints  []string
	digits int
}

// hinted sets the hints.
func (r redaction) hinted(hints ...string) redaction {
	r.hints = hints
	return r
}

// ofDigits sets the number of digits.
func (r redaction) ofDigits(n int) redaction {
	r.digits = n
	return r
}

// containsAny reports whether a text contains one of the hints, or there are
// none.
func containsAny(text string, hints []string) bool {
	for _, h := range hints {
		if strings.Contains(text, h) {
			return true
		}
	}
	return len(hints) == 0
}

// countDigits counts the digits of a text, of any script.
func countDigits(text string) (n int) {
	for _, r := range text {
		if r < 0x80 {
			if r >= '0' && r <= '9' {
				n++
			}
		} else if unicode.Is(unicode.Nd, r) {
			n++
		}
	}
	return n
}

// digits that may stand apart, as people write numbers.
const spacedDigits = `\p{Nd}(?:[ \x{00A0}\x{202F}().\-/–]{0,2}\p{Nd})`

// redactions are applied in this order: what is longer and surer first.
var redactions = func() []redaction {
	replace := func(pattern, with string) redaction {
		return redaction{pattern: regexp.MustCompile(pattern), with: &with}
	}
	check := func(pattern, mark string, accept func(string) bool) redaction {
		return redaction{pattern: regexp.MustCompile(pattern), mark: mark, accept: accept}
	}
	const (
		// ends the name of a secret and begins its value
		is    = `"?\s*(?:[:=：]|\b(?:is|ist|est|es)\b|是|は)\s*"?`
		value = `[^\s"',;，。]{4,}`
	)
	return []redaction{
		replace(`(?s)-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)[A-Z ]*-----.*?(?:-----END [A-Z ]*-----|\z)`, "[key]").hinted("-----BEGIN "),
		replace(`\beyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]+){0,4}`, "[token]").hinted("eyJ"),
		replace(`\b([Bb]earer|[Bb]asic|BEARER|BASIC)\s+[A-Za-z0-9._~+/=\-]{8,}`, "$1 [token]").hinted("earer", "asic", "BEARER", "BASIC"),
		replace(`([a-z][a-z0-9+.\-]*://)[^\s/@:]+:[^\s/@]+@`, "$1[password]@").hinted("://"),
		replace(`\b(?:sk|pk|rk|sess|key|org|proj|whsec)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9_\-]{12,}`, "[key]").
			hinted("sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "sess-", "key-", "key_", "org-", "proj_", "proj-", "whsec_"),
		replace(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w\-]{16,}|xox[abeoprs]-[\w\-]{10,}|`+
			`hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{20,}|dop_v1_[a-f0-9]{20,}|ya29\.[\w\-]{20,}|`+
			`AIza[\w\-]{30,}|SG\.[\w\-]{16,}\.[\w\-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16})`, "[key]").
			hinted("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "dop_v1_", "ya29.", "AIza",
				"SG.", "AKIA", "ASIA"),
		replace(`((?:"|\b)(?i:pass(?:word|wd|wort|phrase)?|senha|kennwort|secret|token|`+
			`api[ _\-]?key|access[ _\-]?key|client[ _\-]?secret|authorization|cookie)`+is+`)`+value, "$1[secret]").
			hinted("ass", "ASS", "enha", "SENHA", "enn", "ecret", "SECRET", "oken", "TOKEN", "ey", "EY", "uthorization", "ookie"),
		replace(`((?:contraseña|mot de passe|密码|密碼|パスワード|пароль|비밀번호|Пароль|Contraseña|`+
			`Mot de passe)`+is+`)`+value, "$1[secret]").
			hinted("ontraseña", "ot de passe", "密码", "密碼", "パスワード", "ароль", "비밀번호"),
		replace(`[\p{L}\p{N}._%+'\-]+\s?(?:@|＠|\(at\)|\[at\])\s?[\p{L}\p{N}\-]+`+
			`(?:(?:\.|．|\s?\(dot\)\s?|\s?\[dot\]\s?)[\p{L}\p{N}\-]+)+`, "[email]").
			hinted("@", "＠", "(at)", "[at]"),
		check(`[A-Z]{2}\p{Nd}{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?`, "[iban]", isIBAN).ofDigits(8),
		check(spacedDigits+`{12,18}`, "[card]", isCard).ofDigits(13),
		replace(`\b\p{Nd}{3}-\p{Nd}{2}-\p{Nd}{4}\b`, "[id]").ofDigits(9),
		replace(`(?:\+|＋|\b00)[ ]?`+spacedDigits+`{6,16}`, "[phone]").hinted("+", "＋", "00").ofDigits(7),
		check(`\(?\p{Nd}{2,5}\)?(?:[ \x{00A0}.\-/–]{1,2}\(?\p{Nd}{2,5}\)?){1,5}|\b\p{Nd}{10,12}\b`, "[phone]", isPhone).ofDigits(9),
		check(`[A-Za-z0-9_+/=\-]{24,}`, "[key]", isRandom).ofDigits(2),
	}
}()

// onlyDigits returns a text's digits, of any script, as ASCII.
func onlyDigits(s string) string {
	var b strings.Builder
	for _, r := range s {
		if d, ok := digitValue(r); ok {
			b.WriteByte('0' + d)
		}
	}
	return b.String()
}

// digitValue is the value of a decimal digit: scripts have theirs in runs of
// ten that begin with zero.
func digitValue(r rune) (byte, bool) {
	if r >= '0' && r <= '9' {
		return byte(r - '0'), true
	}
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	zero := r
	for range 9 {
		if !unicode.Is(unicode.Nd, zero-1) {
			break
		}
		zero--
	}
	return byte(r-zero) % 10, true
}

// isCard checks length and check digit (Luhn).
func isCard(found string) bool {
	d := onlyDigits(found)
	if len(d) < 13 || len(d) > 19 {
		return false
	}
	sum := 0
	for i := range len(d) {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// isIBAN checks an account number's checksum (ISO 13616).
func isIBAN(found string) bool {
	s := strings.ReplaceAll(found, " ", "")
	if len(s) < 15 || len(s) > 34 {
		return false
	}
	rest := 0
	for _, c := range s[4:] + s[:4] {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}

// isPhone tells numbers as they are dialled at home from dates, amounts and
// versions.
func isPhone(found string) bool {
	d := onlyDigits(found)
	if len(d) < 9 || len(d) > 13 {
		return false
	}
	return !looksLikeDate.MatchString(found) && !strings.Contains(found, "..")
}

var looksLikeDate = regexp.MustCompile(`^(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])|` +
	`^(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|1[0-2])[-/.](?:19|20)\d\d`)

// isRandom tells keys and hashes from long words and paths: they mix digits
// and letters all along.
func isRandom(found string) bool {
	switches, digits := 0, 0
	last := 0
	for _, c := range found {
		kind := 0
		switch {
		case c >= '0' && c <= '9':
			kind = 1
			digits++
		case c >= 'a' && c <= 'z':
			kind = 2
		case c >= 'A' && c <= 'Z':
			kind = 3
		}
		if kind != 0 && last != 0 && kind != last {
			switches++
		}
		if kind != 0 {
			last = kind
		}
	}
	return digits >= 2 && switches*4 >= len(found)
}

// maxPlainRun is the length from which on a run without white space in a JSON
// string is taken for data: an image, a document, an audio clip.
const maxPlainRun = 2000

// RedactJSON redacts every string in a JSON text, keys included, and drops
// embedded data. Escapes can't hide anything from it: strings are decoded first.
// A text that is no JSON is redacted as it is.
func RedactJSON(text []byte) []byte {
	v, err := decodeJSON(text)
	if err != nil {
		return []byte(Redact(strings.ToValidUTF8(string(text), "�")))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(redactValue(v)); err != nil {
		return []byte(`"[unreadable]"`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func redactValue(v any) any {
	switch x := v.(type) {
	case string:
		return redactString(x)
	case []any:
		for i := range x {
			x[i] = redactValue(x[i])
		}
	case map[string]any:
		for k, item := range x {
			delete(x, k)
			if secretField.MatchString(k) {
				if _, isText := item.(string); isText {
					item = "[secret]"
				}
			}
			x[Redact(k)] = redactValue(item)
		}
	case json.Number:
		// A card or phone number may come as a number.
		if s := string(x); len(s) >= 9 && Redact(s) != s {
			return Redact(s)
		}
	}
	return v
}

var secretField = regexp.MustCompile(`(?i)^(?:.*[_-])?(?:password|passwd|passphrase|secret|` +
	`api[_-]?key|access[_-]?token|refresh[_-]?token|authorization|cookie|token)$`)

func redactString(s string) string {
	if len(s) > maxPlainRun && !strings.ContainsAny(s[:maxPlainRun], " \n\t") && isASCII(s[:maxPlainRun]) {
		return fmt.Sprintf("[data, %d bytes]", len(s))
	}
	return Redact(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
