package router

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzMergedModels: whatever two providers say, what comes of it is JSON, holds
// the reference's entries first and as they were, and nothing that neither has.
func FuzzMergedModels(f *testing.F) {
	f.Add(`{"object":"list","data":[{"id":"a"}]}`, `{"data":[{"id":"b"},{"id":"a"}]}`)
	f.Add(`{"data":[],"has_more":true}`, `{"data":[{"id":"\u0061","x":[1,{}]},7,null,{"id":3}],"data2":1}`)
	f.Add(`{"data":[1 , 2] }`, "{\"d\u0061ta\":[{\"id\":\"c\"}],\"\\u0064ata\":[]}")
	f.Fuzz(func(t *testing.T, a, b string) {
		ref, ok := parseModelList([]byte(a))
		other, also := parseModelList([]byte(b))
		if !ok || !also {
			return
		}
		more := ref.additions(other.entries, func(string) bool { return true })
		for _, out := range [][]byte{ref.appended(more), ref.paged(append(ref.entries[:len(ref.entries):len(ref.entries)], more...), false)} {
			var was, is struct{ Data []json.RawMessage }
			if err := json.Unmarshal(out, &is); err != nil {
				t.Fatalf("%s and %s make %s: %v", a, b, out, err)
			}
			if err := json.Unmarshal([]byte(a), &was); err != nil || len(was.Data) != len(ref.entries) {
				return // keys in another case: Go's reader takes them, ours does not
			}
			if len(is.Data) != len(was.Data)+len(more) {
				t.Fatalf("%s and %s make %s: %d entries, want %d and %d", a, b, out, len(is.Data), len(was.Data), len(more))
			}
			if len(was.Data) > 0 && !reflect.DeepEqual(is.Data[:len(was.Data)], was.Data) {
				t.Fatalf("%s and %s make %s: the first entries are not the reference's", a, b, out)
			}
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	all := []modelEntry{{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}}
	for _, row := range []struct {
		page paging
		want string
		more bool
		ok   bool
	}{
		{paging{limit: 4}, "abcd", false, true},
		{paging{limit: 3}, "abc", true, true},
		{paging{limit: 2, after: "a"}, "bc", true, true},
		{paging{limit: 2, after: "b"}, "cd", false, true},
		{paging{limit: 2, after: "d"}, "", false, true},
		{paging{limit: 2, before: "d"}, "bc", true, true},
		{paging{limit: 2, before: "c"}, "ab", false, true},
		{paging{limit: 2, before: "a"}, "", false, true},
		{paging{limit: 2, after: "z"}, "", false, false},
		{paging{limit: 2, before: "z"}, "", false, false},
	} {
		page, more, ok := row.page.slice(all)
		got := ""
		for _, e := range page {
			got += e.id
		}
		if got != row.want || more != row.more || ok != row.ok {
			t.Errorf("%+v: %q, %v, %v; want %q, %v, %v", row.page, got, more, ok, row.want, row.more, row.ok)
		}
	}
}
