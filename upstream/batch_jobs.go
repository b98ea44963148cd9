package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// A job of a Batch API contains complete requests, each with a model of its own. The
// functions in this file map those names and leave every other byte as it is. They
// return the given slice if nothing changes. Invalid JSON, and lines without a model,
// are left to the provider. The error is ErrModel if a strict map has no name for one
// of the models.

// JobRequests maps the models of a message batch: a JSON object whose requests
// have params.
func (m *Models) JobRequests(body []byte) ([]byte, error) {
	s := splice{models: m, in: body}
	if !exchange.ValidJSON(body) {
		return body, nil
	}
	member(gjson.Parse(s.text()), "requests").ForEach(func(_, one gjson.Result) bool {
		s.rename(member(member(one, "params"), "model"), Batch)
		return s.err == nil
	})
	return s.out()
}

// JobLines maps the models of a batch file: JSON lines, each with url and body.
func (m *Models) JobLines(file []byte) ([]byte, error) {
	s := splice{models: m, in: file}
	s.lines(0, len(file))
	return s.out()
}

// ErrUpload is returned for an upload that can't be parsed.
var ErrUpload = errors.New("the upload's multipart body can't be read")

// JobUpload maps the models of an uploaded file, a whole multipart body with
// this Content-Type. Files that are not for batches stay as they are. The error can
// also be ErrUpload.
func (m *Models) JobUpload(contentType string, body []byte) ([]byte, error) {
	parts, err := uploadParts(contentType, body)
	if err != nil {
		return nil, err
	}
	purpose := ""
	for _, p := range parts {
		if p.name == "purpose" {
			purpose = string(body[p.from:p.to])
		}
	}
	if purpose != JobPurpose {
		return body, nil
	}
	s := splice{models: m, in: body}
	for _, p := range parts {
		if p.name != "file" {
			continue
		}
		if p.encoded {
			return nil, ErrUpload
		}
		s.lines(p.from, p.to)
	}
	return s.out()
}

// JobPurpose is the purpose of an upload for a batch.
const JobPurpose = "batch"

// UploadPurpose is the purpose in the first bytes of a multipart body; "" if it is not
// in them.
func UploadPurpose(contentType string, beginning []byte) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return ""
	}
	r := multipart.NewReader(bytes.NewReader(beginning), params["boundary"])
	for {
		part, err := r.NextRawPart()
		if err != nil {
			return ""
		}
		if part.FormName() != "purpose" {
			continue
		}
		const longest = 64
		text, err := io.ReadAll(io.LimitReader(part, longest))
		if err != nil {
			return ""
		}
		return string(text)
	}
}

// splice collects the edits to a text.
type splice struct {
	models *Models
	in     []byte
	edits  []edit
	err    error
}

// edit reoffsets in[from:to] with text.
type edit struct {
	from, to int
	text     string
}

// text is the input as a string, for gjson; it shares in's memory.
func (s *splice) text() string { return unsafe.String(unsafe.SliceData(s.in), len(s.in)) }

// rename maps the name in a value of the text, if it is a string.
func (s *splice) rename(v gjson.Result, use Use) { s.renameAt(v, 0, use) }

func (s *splice) renameAt(v gjson.Result, base int, use Use) {
	if v.Type != gjson.String || s.err != nil {
		return
	}
	to := s.models.Map(v.Str, use)
	from := base + v.Index
	switch {
	case !to.Known:
		s.err = fmt.Errorf("%w: %s", ErrModel, exchange.Label(v.Str))
	case to.Name == v.Str:
	case !bytes.HasPrefix(s.in[min(from, len(s.in)):], []byte(v.Raw)): // never happens: gjson's index is off
		s.err = ErrModel
	default:
		s.edits = append(s.edits, edit{from, from + len(v.Raw), quoted(to.Name)})
	}
}

// byteOrderMark may precede the first line.
const byteOrderMark = "\ufeff"

// lines maps the models of the JSON lines in in[from:to].
func (s *splice) lines(from, to int) {
	text := s.text()
	if strings.HasPrefix(text[from:to], byteOrderMark) {
		from += len(byteOrderMark)
	}
	for from < to && s.err == nil {
		end := to
		if i := strings.IndexByte(text[from:to], '\n'); i >= 0 {
			end = from + i + 1
		}
		if exchange.ValidJSON(s.in[from:end]) {
			root := gjson.Parse(text[from:end])
			s.renameAt(member(member(root, "body"), "model"), from, useOfURL(member(root, "url").Str))
		}
		from = end
	}
}

func (s *splice) out() ([]byte, error) {
	if s.err != nil || len(s.edits) == 0 {
		return s.in, s.err
	}
	grown := 0
	for _, e := range s.edits {
		grown += len(e.text) - (e.to - e.from)
	}
	out, done := make([]byte, 0, len(s.in)+grown), 0
	for _, e := range s.edits {
		out = append(append(out, s.in[done:e.from]...), e.text...)
		done = e.to
	}
	return append(out, s.in[done:]...), nil
}

// useOfURL is the use of a line in a batch file, by its url.
func useOfURL(url string) Use {
	path, _, _ := strings.Cut(url, "?")
	if ep := exchange.Lookup("POST", path); ep.Kind == exchange.Inference && !ep.Generates {
		return AnyUse
	}
	return Batch
}

// member is the value of an object's key. If a key is given twice the last one
// counts, as in the providers' own parsers.
func member(v gjson.Result, key string) (found gjson.Result) {
	if v.IsObject() {
		v.ForEach(func(k, v gjson.Result) bool {
			if k.Str == key {
				found = v
			}
			return true
		})
	}
	return found
}

// uploadPart is one part of a multipart body. Its content is body[from:to].
type uploadPart struct {
	name     string
	from, to int
	encoded  bool // by Content-Transfer-Encoding
}

// uploadParts finds the parts of a multipart body. The boundary gives their offsets
// and the standard library's reader their contents, and the two must agree.
func uploadParts(contentType string, body []byte) ([]uploadPart, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, ErrUpload
	}
	offsets := partOffsets(body, []byte("--"+params["boundary"]))
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	var parts []uploadPart
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(parts) == len(offsets) {
			return nil, ErrUpload
		}
		p := offsets[len(parts)]
		content, err := io.ReadAll(part)
		if err != nil || !bytes.Equal(content, body[p.from:p.to]) {
			return nil, ErrUpload
		}
		coding := strings.ToLower(part.Header.Get("Content-Transfer-Encoding"))
		p.name, p.encoded = part.FormName(), !slices.Contains([]string{"", "binary", "8bit", "7bit"}, coding)
		parts = append(parts, p)
	}
	if len(parts) != len(offsets) {
		return nil, ErrUpload
	}
	return parts, nil
}

// partOffsets finds what is between lines that begin with delim, without each part's
// header; nil if the closing delimiter is missing.
func partOffsets(body, delim []byte) []uploadPart {
	newline := append([]byte("\r\n"), delim...)
	at := 0
	if !bytes.HasPrefix(body, delim) {
		i := bytes.Index(body, newline)
		if i < 0 {
			return nil
		}
		at = i + 2
	}
	var offsets []uploadPart
	for {
		rest := bytes.TrimLeft(body[at+len(delim):], " \t")
		if bytes.HasPrefix(rest, []byte("--")) {
			return offsets
		}
		head := len(body) - len(rest)
		blank := bytes.Index(rest, []byte("\r\n\r\n"))
		if blank < 0 || !bytes.HasPrefix(rest, []byte("\r\n")) {
			return nil
		}
		p := uploadPart{from: head + blank + 4}
		// The line break before a delimiter belongs to the delimiter, even if the
		// content is empty and the same break ends the header.
		i := bytes.Index(body[p.from-2:], newline)
		if i < 0 {
			return nil
		}
		if p.to = p.from - 2 + i; i == 0 {
			p.to = p.from
		}
		at = p.from - 2 + i + 2
		offsets = append(offsets, p)
	}
}
