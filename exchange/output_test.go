package exchange

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestMaterial(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`"x"`: true, `{"text":"x"}`: true, `[{"a":{"b":["x"]}}]`: true, `[0]`: true, `{"v":[[],[1.5]]}`: true, `[{"n":1},2]`: true,
		`{"a":null,"b":"x"}`: true, `{"role":"assistant","summary":"x"}`: true, `{"type":{"type":"x"},"y":"z"}`: true,
		`{"index":[1],"x":[-1]}`: true, `"\u0000"`: true, `{"file_id":"f"}`: true,

		`""`: false, `null`: false, `true`: false, `false`: false, `7`: false, `{}`: false, `[]`: false, `[[],{}]`: false,
		`{"role":"assistant"}`: false, `{"type":"text","text":""}`: false, `{"id":"x","index":0,"type":"y"}`: false,
		`{"expires_at":1}`: false, `{"a":{"type":"x","b":[]}}`: false, `{"type":["x",1],"index":{"a":"b"}}`: false,
		`[true,null]`: false, `{"output_index":[1]}`: false, `{`: false, `{"a":"x"`: false, ``: false,
	} {
		s := scanner{b: []byte(value)}
		if got := s.material(); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
		if whole := s.whole(); whole != json.Valid([]byte(value)) {
			t.Errorf("%s: consumed whole: %v", value, whole)
		}
	}
}

func TestSaysError(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`"x"`: true, `true`: true, `{"message":"x"}`: true, `{"code":500}`: true, `[{"a":"b"}]`: true, `-1`: true, `{"code":29}`: true,
		`null`: false, `false`: false, `""`: false, `{}`: false, `[]`: false, `{"message":"","code":null}`: false, `{"code":0}`: false,
		`0`: false, `{"code":200,"message":""}`: false, `{"retryable":true}`: false, `{"message":`: false,
	} {
		if got := (&scanner{b: []byte(value)}).saysError(); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
}

// FuzzMaterial compares the scan with a walk over the decoded value.
func FuzzMaterial(f *testing.F) {
	f.Add([]byte(`{"role":"assistant","parts":[{"type":"x","n":1,"v":[1]},"",{"text":""}]}`))
	f.Add([]byte(`[[[{"a":[true,null,{"index":"x"}]}]],-1.5e3]`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s := scanner{b: value}
		got := s.material()
		var v any
		if !s.whole() || json.Unmarshal(value, &v) != nil || strings.Contains(string(value), `\`) || hasTwins(value) {
			return
		}
		if want := holdsMaterial(v, true); got != want {
			t.Fatalf("%s: %v, want %v", value, got, want)
		}
	})
}

func holdsMaterial(v any, named bool) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case float64:
		return !named
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return holdsMaterial(item, false) })
	case map[string]any:
		for key, value := range v {
			if !structural([]byte(key)) && holdsMaterial(value, true) {
				return true
			}
		}
	}
	return false
}

// hasTwins reports whether encoding an object anew loses members: of two with one
// name only the last is decoded.
func hasTwins(value []byte) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return true
	}
	again, err := json.Marshal(v)
	return err != nil || strings.Count(string(again), ":") != strings.Count(string(value), ":")
}

// FuzzJudge holds every judgement against what must be true of all.
func FuzzJudge(f *testing.F) {
	f.Add(uint8(0), uint16(200), uint32(0), uint8(0), int64(10), "stop", "")
	f.Add(uint8(1), uint16(302), uint32(0xffff), uint8(3), int64(0), "", "json")
	f.Add(uint8(0), uint16(200), uint32(25), uint8(0), int64(10), "0", "") // a stream that is not read to its end
	ends := []Class{ClassNone, ClassBroken, ClassAborted, ClassIdle, ClassNotSent, ClassMalformed}
	f.Fuzz(func(t *testing.T, form uint8, status uint16, bits uint32, end uint8, bytes int64, reason, fault string) {
		is := func(bit int) bool { return bits>>bit&1 == 1 }
		a := Asked{Endpoint: Lookup("POST", inferencePaths[int(bits>>16)%len(inferencePaths)]), Form: AskedForm(form % 3)}
		g := Got{
			Status: int(status % 600), Ended: is(0), End: ends[int(end)%len(ends)], Bytes: bytes, Opaque: is(1), Blank: is(2),
			Streamed: is(3), Unread: is(4), Events: int(end), Failed: is(5), Done: is(6), Finished: is(7), Reason: reason,
			Formed: is(8), Void: is(9), Output: is(10),
		}
		if !g.Ended {
			g.End = ClassNone
		}
		if fault != "" {
			g.Faults = make([]string, 1, 4)
			g.Faults[0] = fault
		}
		before := slices.Clone(g.Faults)
		j := Judge(&a, &g)
		if again := Judge(&a, &g); again.Class != j.Class || again.Whole != j.Whole || !slices.Equal(again.Faults, j.Faults) {
			t.Fatalf("%+v, then %+v", j, again)
		}
		switch {
		case !slices.Equal(g.Faults, before) || len(before) > 0 && g.Faults[:2][1] != "":
			t.Fatalf("the faults it was given became %q", g.Faults[:cap(g.Faults)])
		case j.Whole && (j.Class != ClassNone || !g.Ended):
			t.Fatalf("whole and %q, ended %v", j.Class, g.Ended)
		case g.Ended && j.Whole != (j.Class == ClassNone):
			t.Fatalf("ended, whole %v, class %q", j.Whole, j.Class)
		case g.Status >= 400 && j.Class != ClassOfStatus(g.Status):
			t.Fatalf("status %d is %q", g.Status, j.Class)
		case j.Class == ClassNone && g.Status > 0 && (g.Status < 200 || g.Status > 299):
			t.Fatalf("status %d is a success", g.Status)
		case j.CutOff && (j.Whole || !g.Streamed || g.Done):
			t.Fatalf("cut off: %+v of %+v", j, g)
		case j.Output != g.Output:
			t.Fatalf("output %v of %v", j.Output, g.Output)
		}
	})
}
