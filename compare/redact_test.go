package compare

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRedactRemovesWhatNamesAPerson(t *testing.T) {
	for _, c := range []struct{ text, secret string }{
		// e-mail
		{"Write to jane.doe+news@example.co.uk, please.", "jane.doe"},
		{"Schreiben Sie an jürgen.müller@bücher.example!", "müller"},
		{"请联系 zhang.wei＠example．cn 谢谢", "zhang"},
		{"メールは taro_yamada@example.co.jp です", "yamada"},
		{"пишите на иван@почта.рф сегодня", "иван"},
		{"mail me: bob (at) example (dot) org", "bob (at)"},
		// phone
		{"Call +49 (0)30 1234-5678 after six.", "1234"},
		{"Ring 0044 20 7946 0958 now", "7946"},
		{"Tel. 030/1234 5678", "5678"},
		{"call (415) 555-2671 today", "555-2671"},
		{"mon numéro est le 06 12 34 56 78.", "34 56"},
		{"我的手机号是13812345678，请回电", "13812345678"},
		{"電話は 090-1234-5678 まで", "1234-5678"},
		{"電話０９０−１２３４−５６７８ or ０９０ １２３４ ５６７８", "１２３４ ５６７８"},
		{"전화 010-1234-5678 주세요", "1234-5678"},
		{"اتصل على ٠٥٠ ١٢٣ ٤٥٦٧ الآن +٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "١٢٣ ٤٥٦٧ الآن"},
		{"позвоните +7 (912) 345-67-89", "345-67"},
		// cards and accounts
		{"My card is 4111 1111 1111 1111, exp 12/29", "1111 1111"},
		{"Karte 5500-0000-0000-0004", "0000-0004"},
		{"carte 378282246310005.", "378282246310005"},
		{"IBAN DE89 3704 0044 0532 0130 00", "0532"},
		{"IBAN GB82WEST12345698765432", "98765432"},
		{"SSN 078-05-1120", "05-1120"},
		// keys and tokens
		{"key sk-proj-abcDEF1234567890abcDEF1234567890", "abcDEF"},
		{"export OPENAI_API_KEY=sk-ant-api03-Zx9yWv8uTs7rQp6o", "Zx9y"},
		{"token ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7"},
		{"AKIAIOSFODNN7EXAMPLE is mine", "AKIA"},
		{"Authorization: Bearer abc.def-123456", "def-123456"},
		{"jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "dozjg"},
		{"postgres://admin:hunter22@db.example/x", "hunter22"},
		{"password: correct-horse", "correct-horse"},
		{"Mein Passwort ist geheim123", "geheim123"},
		{"我的密码是 Abc12345", "Abc12345"},
		{"パスワードは hoge1234", "hoge1234"},
		{"пароль: qwerty99", "qwerty99"},
		{"mot de passe : sesame42", "sesame42"},
		{"hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d0"},
		{"secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1", "bPxRfi"},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"},
		{"-----BEGIN PRIVATE KEY-----\nMIIEowcut", "MIIEow"},
	} {
		got := Redact(c.text)
		if strings.Contains(got, c.secret) || !strings.Contains(got, "[") {
			t.Errorf("%q became %q", c.text, got)
		}
	}
}

// What is left must still be readable, or the samples are of no use.
func TestRedactLeavesProseAlone(t *testing.T) {
	for _, text := range []string{
		"In 2024 the river rose by 12.5 metres, 3 times as much as in 1999-2001.",
		"The meeting is on 2026-03-01 at 12:30, and on 01.04.2026 at noon.",
		"Version 1.25.3 of the library takes 1,234,567 bytes.",
		"Pi is 3.14159265358979 or so, and e is 2.718281828.",
		"func main() { fmt.Println(\"hello\", 42) }",
		"https://example.com/a/very/long/path/with-many-words-in-it-and-more",
		"Internationalization_of_very_long_identifiers_in_programs",
		"Das ist ein Satz ohne Geheimnis, und der Token-Preis ist gesunken.",
		"这个问题的答案很简单：三加四等于七。",
		"The password must be strong.",
	} {
		if got := Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestRedactJSONSeesThroughEscapes(t *testing.T) {
	body := `{"messages":[{"role":"user","content":"I am jane\u0040example.com, card \u0034111-1111-1111-1111"}],
		"user":"jane@example.com","api_key":"short","jane@example.com":1,"n":4111111111111111,"temperature":0.7,
		"image":"data:image/png;base64,` + strings.Repeat("iVBORw0KGgo", 400) + `"}`
	got := RedactJSON([]byte(body))
	var v map[string]any
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	for _, secret := range []string{"jane", "1111", "short", "iVBOR"} {
		if strings.Contains(string(got), secret) {
			t.Errorf("%s is still in %.300s", secret, got)
		}
	}
	if v["temperature"] != .7 || !strings.Contains(string(got), "I am [email]") {
		t.Errorf("%s", got)
	}
	if got := RedactJSON([]byte("not json, jane@example.com \xff")); strings.Contains(string(got), "jane") {
		t.Errorf("%q", got)
	}
}

func BenchmarkRedact2k(b *testing.B) {
	text := lines(2000)
	for b.Loop() {
		Redact(text)
	}
}
