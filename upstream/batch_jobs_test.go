package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// jobModels has names for two models, and refuses others if strict.
func jobModels(strict bool) *Models {
	return &Models{
		NameMap: NameMap{Exact: map[string]string{"a": "common", "same": "same", "quote": `x"y`}},
		Batch:   NameMap{Exact: map[string]string{"a": "batch"}},
		Strict:  strict,
	}
}

func TestJobLines(t *testing.T) {
	t.Parallel()
	const chat = `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":`
	for _, row := range []struct {
		name, in, want string
		strict         bool
		err            error
	}{
		{name: "one line", in: chat + `{"model":"a","x": 1.50}}`, want: chat + `{"model":"batch","x": 1.50}}`},
		{name: "lines, line ends and blanks stay", in: " " + chat + "{\"x\":[1], \"model\" : \"a\" } }\r\n\n" + chat + "{\"model\":\"b\"}}\n",
			want: " " + chat + "{\"x\":[1], \"model\" : \"batch\" } }\r\n\n" + chat + "{\"model\":\"b\"}}\n"},
		{name: "by the line's endpoint", in: `{"url":"/v1/embeddings","body":{"model":"a"}}` + "\n" +
			`{"body":{"model":"a"},"url":"/v1/responses?x"}`,
			want: `{"url":"/v1/embeddings","body":{"model":"common"}}` + "\n" + `{"body":{"model":"batch"},"url":"/v1/responses?x"}`},
		{name: "models elsewhere stay", in: chat + `{"metadata":{"model":"a"},"messages":[{"model":"a"}]},"model":"a"}`, want: chat +
			`{"metadata":{"model":"a"},"messages":[{"model":"a"}]},"model":"a"}`},
		{name: "the last of two keys counts", in: chat + `{"model":"a","model":"a"}}`, want: chat + `{"model":"a","model":"batch"}}`},
		{name: "escapes", in: chat + `{"mod\u0065l":"\u0061"}}`, want: chat + `{"mod\u0065l":"batch"}}`},
		{name: "a name with quotes", in: chat + `{"model":"quote"}}`, want: chat + `{"model":"x\"y"}}`},
		{name: "a byte order mark", in: "\ufeff" + chat + `{"model":"a"}}`, want: "\ufeff" + chat + `{"model":"batch"}}`},
		{name: "no JSON, no model, no text", in: "nonsense\n" + chat + `{"model":7}}` + "\n" + chat + `7}` + "\n[]\n" + chat +
			`{"model":"a"}`, strict: true,
			want: "nonsense\n" + chat + `{"model":7}}` + "\n" + chat + `7}` + "\n[]\n" + chat + `{"model":"a"}`},
		{name: "strict", in: chat + `{"model":"a"}}` + "\n" + chat + `{"model":"b"}}`, strict: true, err: ErrModel},
		{name: "strict, and all are known", in: chat + `{"model":"a"}}` + "\n" + chat + `{"model":"same"}}`, strict: true, want: chat +
			`{"model":"batch"}}` + "\n" + chat + `{"model":"same"}}`},
		{name: "empty", in: "", want: ""},
	} {
		got, err := jobModels(row.strict).JobLines([]byte(row.in))
		if !errors.Is(err, row.err) || err == nil && string(got) != row.want {
			t.Errorf("%s: %s, %v\nwant %s, %v", row.name, got, err, row.want, row.err)
		}
	}
}

func TestJobRequests(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, in, want string
		strict         bool
		err            error
	}{
		{name: "all requests", in: `{"requests": [{"custom_id":"1","params":{"model":"a","max_tokens": 5}}, {"params":{"x":{},"model":` +
			`"b"},"model":"a"},{"params":{"model":"same"}}],"model":"a"}`,
			want: `{"requests": [{"custom_id":"1","params":{"model":"batch","max_tokens": 5}}, {"params":{"x":{},"model":"b"},"model":"a"},` +
				`{"params":{"model":"same"}}],"model":"a"}`},
		{name: "strict", in: `{"requests":[{"params":{"model":"a"}},{"params":{"model":"b"}}]}`, strict: true, err: ErrModel},
		{name: "no list", in: `{"requests":{"params":{"model":"a"}}}`, want: `{"requests":{"params":{"model":"a"}}}`},
		{name: "no JSON", in: `{"requests":[{"params":{"model":"a"}}]`, strict: true, want: `{"requests":[{"params":{"model":"a"}}]`},
	} {
		got, err := jobModels(row.strict).JobRequests([]byte(row.in))
		if !errors.Is(err, row.err) || err == nil && string(got) != row.want {
			t.Errorf("%s: %s, %v\nwant %s, %v", row.name, got, err, row.want, row.err)
		}
	}
}

// upload is a multipart body of "name=content" or "name@filename=content".
func upload(boundary string, parts ...string) (contentType, body string) {
	var b strings.Builder
	for _, p := range parts {
		name, content, _ := strings.Cut(p, "=")
		name, file, isFile := strings.Cut(name, "@")
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + `"`)
		if isFile {
			b.WriteString(`; filename="` + file + "\"\r\nContent-Type: application/jsonl")
		}
		b.WriteString("\r\n\r\n" + content + "\r\n")
	}
	return `multipart/form-data; boundary="` + boundary + `"`, b.String() + "--" + boundary + "--\r\n"
}

func TestJobUploads(t *testing.T) {
	t.Parallel()
	const line, mapped = `{"url":"/v1/chat/completions","body":{"model":"a"}}`, `{"url":"/v1/chat/completions","body":{"model":"batch"}}`
	for _, row := range []struct {
		name   string
		parts  []string
		want   []string // nil: as it was
		before string
		cut    int
		err    error
	}{
		{name: "purpose first", parts: []string{"purpose=batch", "file@in.jsonl=" + line + "\n"}, want: []string{"purpose=batch",
			"file@in.jsonl=" + mapped + "\n"}},
		{name: "file first", parts: []string{"file@in.jsonl=" + line + "\r\n" + line, "purpose=batch"}, want: []string{"file@in.jsonl=" +
			mapped + "\r\n" + mapped, "purpose=batch"}},
		{name: "other parts stay", parts: []string{"note=" + line, "purpose=batch", "file@f=" + line}, want: []string{"note=" + line,
			"purpose=batch", "file@f=" + mapped}},
		{name: "another purpose", parts: []string{"purpose=fine-tune", "file@f=" + line}},
		{name: "no purpose", parts: []string{"file@f=" + line}},
		{name: "an empty file", parts: []string{"purpose=batch", "file@f="}},
		{name: "text that looks like a delimiter", parts: []string{"purpose=batch", "file@f=--BB\n--B\r\n-- B\n" + line},
			want: []string{"purpose=batch", "file@f=--BB\n--B\r\n-- B\n" + mapped}},
		{name: "something before the first part", before: "hello\r\n", parts: []string{"purpose=batch", "file@f=" + line},
			want: []string{"purpose=batch", "file@f=" + mapped}},
		{name: "cut short", parts: []string{"purpose=batch", "file@f=" + line}, cut: 9, err: ErrUpload},
	} {
		const boundary = "B-7x'()+_,./:=?"
		kind, body := upload(boundary, row.parts...)
		want := body
		if row.want != nil {
			_, want = upload(boundary, row.want...)
		}
		body, want = row.before+body, row.before+want
		got, err := jobModels(false).JobUpload(kind, []byte(body[:len(body)-row.cut]))
		if !errors.Is(err, row.err) || err == nil && string(got) != want {
			t.Errorf("%s: %s, %v\nwant %s, %v", row.name, got, err, want, row.err)
		}
	}
	kind, body := upload("B", "purpose=batch", "file@f="+line)
	for _, bad := range []struct{ kind, body string }{
		{"multipart/form-data", body}, {"text/plain", body},
		{kind, strings.Replace(body, "Content-Type: application/jsonl", "Content-Transfer-Encoding: base64", 1)},
	} {
		if got, err := jobModels(false).JobUpload(bad.kind, []byte(bad.body)); !errors.Is(err, ErrUpload) {
			t.Errorf("%s: %q gives %q, %v; want ErrUpload", bad.kind, bad.body, got, err)
		}
	}
	for _, nothing := range []string{"", "nonsense"} { // there is nothing to rename
		if got, err := jobModels(true).JobUpload(kind, []byte(nothing)); err != nil || string(got) != nothing {
			t.Errorf("%q becomes %q, %v", nothing, got, err)
		}
	}
	for beginning, want := range map[string]string{body[:60]: "", body[:len(body)-20]: "batch", body: "batch"} {
		if got := UploadPurpose(kind, []byte(beginning)); got != want {
			t.Errorf("the purpose of %q is %q, want %q", beginning, got, want)
		}
	}
}

// FuzzJobLines: whatever stands in a file, line for line only models change,
// and they change as the map says.
func FuzzJobLines(f *testing.F) {
	f.Add([]byte(`{"url":"/v1/chat/completions","body":{"model":"a"}}` + "\n" + `{"body":{"model":"b","model":"a"},"url":"/v1/embeddings"}`))
	f.Add([]byte("{\"body\":{\"model\":\"\\u0061\"}}\r\n[]\nnull\n{\"body\":{},\"body\":{\"model\":\"quote\"}}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if !utf8.Valid(file) {
			return // the oracle reads it in another way
		}
		models, kept := jobModels(false), bytes.Clone(file)
		out, err := models.JobLines(file)
		if err != nil || !bytes.Equal(file, kept) {
			t.Fatalf("%q: %v; the input is %q now", kept, err, file)
		}
		was, is := bytes.Split(bytes.TrimPrefix(file, []byte(byteOrderMark)), []byte("\n")),
			bytes.Split(bytes.TrimPrefix(out, []byte(byteOrderMark)), []byte("\n"))
		if len(was) != len(is) {
			t.Fatalf("%q becomes %q: %d lines, want %d", file, out, len(is), len(was))
		}
		for i := range was {
			if bytes.Equal(was[i], is[i]) {
				continue
			}
			var a, b map[string]any
			if json.Unmarshal(was[i], &a) != nil || json.Unmarshal(is[i], &b) != nil {
				t.Fatalf("%q becomes %q", was[i], is[i])
			}
			body := a["body"].(map[string]any)
			url, _ := a["url"].(string)
			body["model"] = models.Map(body["model"].(string), useOfURL(url)).Name
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%q becomes %q", was[i], is[i])
			}
		}
	})
}

// FuzzJobUpload: the parts of a body stay what they are, but for the lines of
// the file.
func FuzzJobUpload(f *testing.F) {
	_, body := upload("B", "purpose=batch", "file@f="+`{"body":{"model":"a"}}`)
	f.Add([]byte(body))
	f.Add([]byte("x\r\n" + body + "y"))
	f.Add([]byte("--B\r\n\r\n--B\r\nContent-Disposition: form-data; name=file\r\n\r\n{\"body\":{\"model\":\"a\"}}\n--B\r\n--B-- \r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		const kind = "multipart/form-data; boundary=B"
		models := jobModels(false)
		out, err := models.JobUpload(kind, body)
		if err != nil {
			return
		}
		was, is := partsOf(t, body), partsOf(t, out)
		if len(was) != len(is) {
			t.Fatalf("%q becomes %q", body, out)
		}
		for i := range was {
			want := was[i]
			if lines, err := models.JobLines([]byte(was[i][1])); err == nil && was[i][0] == "file" && !bytes.Equal(body, out) {
				want[1] = string(lines)
			}
			if is[i] != want {
				t.Fatalf("%q becomes %q: part %d is %q, want %q", body, out, i, is[i], want)
			}
		}
	})
}

// partsOf are the names and contents of a body's parts.
func partsOf(t *testing.T, body []byte) (parts [][2]string) {
	r := multipart.NewReader(bytes.NewReader(body), "B")
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		text, err := io.ReadAll(p)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		parts = append(parts, [2]string{p.FormName(), string(text)})
	}
}
