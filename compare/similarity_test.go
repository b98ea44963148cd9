package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pgregory.net/rapid"
)

func TestSimilarity(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"", "", 1},
		{"!!", "??", 1},
		{"a", "", 0},
		{"one two three", "Three, TWO; one!", 1},
		{"one two three four", "one two three five", 3. / 5},
		{"ÄÖ ü", "äö Ü", 1},
		{"你好世界", "世界你好吗", 4. / 5},
		{"日本語のテキスト", "日本語", 3. / 8},
		{"don't", "don t", 1},
		{"a\xffb", "a b", 1},
	} {
		if got := Similarity(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Similarity(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// The measure must be what its comment says, for texts of any size: compare
// with sets made by the standard library.
func TestSimilarityIsTheJaccardIndex(t *testing.T) {
	for _, n := range []int{3, 300, 700, 5000, 60000} {
		a, b := numbers(n, 1), numbers(n, 2)
		in := map[string]int{}
		for _, w := range strings.Fields(a) {
			in[w] |= 1
		}
		for _, w := range strings.Fields(b) {
			in[w] |= 2
		}
		both := 0
		for _, m := range in {
			if m == 3 {
				both++
			}
		}
		if got, want := Similarity(a, b), float64(both)/float64(len(in)); got != want {
			t.Errorf("%d words: got %v, want %v", n, got, want)
		}
	}
}

func numbers(n int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 7))
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", rng.IntN(n))
	}
	return strings.Join(words, " ")
}

func TestSimilarityProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		s := Similarity(a, b)
		if s < 0 || s > 1 || s != Similarity(b, a) || Similarity(a, a) != 1 {
			t.Fatalf("Similarity(%q, %q) = %v", a, b, s)
		}
		d := DiffSimilarity(a, b)
		if d < 0 || d > 1 || DiffSimilarity(a, a) != 1 {
			t.Fatalf("DiffSimilarity(%q, %q) = %v", a, b, d)
		}
	})
}

// A diff must show both texts, whole.
func TestDiffKeepsBothTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := strings.ToValidUTF8(rapid.String().Draw(t, "a"), "")
		b := strings.ToValidUTF8(rapid.String().Draw(t, "b"), "")
		var first, second strings.Builder
		for _, e := range Diff(a, b) {
			if e.Op <= 0 {
				first.WriteString(e.Text)
			}
			if e.Op >= 0 {
				second.WriteString(e.Text)
			}
			if !utf8.ValidString(e.Text) {
				t.Fatalf("invalid UTF-8 in %q", e.Text)
			}
		}
		if first.String() != a || second.String() != b {
			t.Fatalf("got %q and %q, want %q and %q", first.String(), second.String(), a, b)
		}
	})
}

func TestDiffIsOfWords(t *testing.T) {
	got := Diff("The quick brown fox", "The quack brown fox")
	want := []Edit{{0, "The "}, {-1, "quick"}, {1, "quack"}, {0, " brown fox"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if d := DiffSimilarity("a b c", "c b a"); d == 1 {
		t.Error("the order of words does not count")
	}
}

func TestCosine(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		a, b []float32
		want float64
	}{
		{[]float32{1, 0}, []float32{2, 0}, 1},
		{[]float32{1, 0}, []float32{0, 1}, 0},
		{[]float32{1, 0}, []float32{-1, 0}, -1},
		{[]float32{1}, []float32{1, 0}, 0},
		{nil, nil, 0},
		{[]float32{0}, []float32{0}, 0},
		{[]float32{nan}, []float32{1}, 0},
	} {
		if got := Cosine(c.a, c.b); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("Cosine(%v, %v) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// prose is about n bytes of text with a vocabulary like an answer's.
func prose(n int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s ", vocabulary[rng.IntN(len(vocabulary))])
		if rng.IntN(12) == 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

var vocabulary = func() (words []string) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 900 {
		w := make([]byte, 2+rng.IntN(8))
		for i := range w {
			w[i] = 'a' + byte(rng.IntN(26))
		}
		words = append(words, string(w))
	}
	return words
}()

// How an accent is encoded makes no word another one.
func TestSimilarityOfAccents(t *testing.T) {
	a := strings.Repeat("d\u00e9j\u00e0 vu \u00e0 No\u00ebl ", 5)
	b := strings.Repeat("de\u0301ja\u0300 vu a\u0300 Noe\u0308l ", 5)
	if got := Similarity(a, b); got != 1 {
		t.Errorf("similarity %v of one text in two encodings, want 1", got)
	}
	if got := Similarity(a, strings.ReplaceAll(b, "\u0301", "\u0302")); got == 1 {
		t.Error("another accent is not another word")
	}
}

func BenchmarkSimilarity2k(b *testing.B) {
	x, y := prose(2000, 1), prose(2000, 2)
	for b.Loop() {
		Similarity(x, y)
	}
}

func BenchmarkDiffSimilarity2k(b *testing.B) {
	x, y := prose(2000, 1), prose(2000, 2)
	for b.Loop() {
		DiffSimilarity(x, y)
	}
}

func BenchmarkCompare2k(b *testing.B) {
	p := chatPair(prose(2000, 1), prose(2000, 2))
	b.ReportAllocs()
	for b.Loop() {
		Compare(p, Options{})
	}
}

func BenchmarkCompareSmall(b *testing.B) {
	p := chatPair(prose(200, 1), prose(200, 2))
	b.ReportAllocs()
	for b.Loop() {
		Compare(p, Options{})
	}
}

// The dearest texts there are: accents everywhere, in the form that has to be
// composed first.
func BenchmarkCompare2kDecomposed(b *testing.B) {
	x, y := norm.NFD.String(strings.Repeat("déjà vu à Noël, où êtes-vous ? ", 60)),
		strings.Repeat("déjà vu à Noël, où étiez-vous ? ", 60)
	p := chatPair(x, y)
	b.ReportAllocs()
	for b.Loop() {
		Compare(p, Options{})
	}
}
