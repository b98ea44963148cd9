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

// A job of a Batch API holds whole requests, each with a model of its own. The
// functions of this file map those names and leave every other byte as it is.
// They return the given slice where nothing changes. What is no JSON, and lines
// without a model, are left for the provider to judge. The error is ErrModel
// where a strict map has no name for one of the models.

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

// ErrUpload is an upload that can't be taken apart.
var ErrUpload = errors.New("the upload's multipart body can't be read")

// JobUpload maps the models of an uploaded file, a whole multipart body with
// this Content-Type. Files that are not for batches stay as they are. The error
// may be ErrUpload.
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
		if p.coded {
			return nil, ErrUpload
		}
		s.lines(p.from, p.to)
	}
	return s.out()
}

// JobPurpose is what an upload says of itself that is for a batch.
const JobPurpose = "batch"

// UploadPurpose is the purpose in the beginning of a multipart body; "" where it
// does not stand there.
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
		const most = 64
		text, err := io.ReadAll(io.LimitReader(part, most))
		if err != nil {
			return ""
		}
		return string(text)
	}
}

// splice collects what changes in a text.
type splice struct {
	models *Models
	in     []byte
	edits  []edit
	err    error
}

// edit puts text in the place of in[from:to].
type edit struct {
	from, to int
	text     string
}

// text is the whole as a string, for gjson; it shares in's memory.
func (s *splice) text() string { return unsafe.String(unsafe.SliceData(s.in), len(s.in)) }

// rename maps the name in a value of the text, if it is one.
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
	case !bytes.HasPrefix(s.in[min(from, len(s.in)):], []byte(v.Raw)): // never: what can't be found can't be replaced
		s.err = ErrModel
	default:
		s.edits = append(s.edits, edit{from, from + len(v.Raw), quoted(to.Name)})
	}
}

// byteOrderMark may stand before the first line.
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

// useOfURL is the use of a line of a batch file.
func useOfURL(url string) Use {
	path, _, _ := strings.Cut(url, "?")
	if ep := exchange.Lookup("POST", path); ep.Kind == exchange.Inference && !ep.Generates {
		return AnyUse
	}
	return Batch
}

// member is the value of an object's key: of a key that is given twice the last
// one, as in the providers' own parsers.
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

// uploadPart is one part of a multipart body: its content is body[from:to].
type uploadPart struct {
	name     string
	from, to int
	coded    bool // the content is encoded for the transport
}

// uploadParts finds the parts of a multipart body. Where they are is found by
// the boundary; what they are is told by the standard library's reader, and the
// two must agree.
func uploadParts(contentType string, body []byte) ([]uploadPart, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, ErrUpload
	}
	places := placesBetween(body, []byte("--"+params["boundary"]))
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	var parts []uploadPart
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(parts) == len(places) {
			return nil, ErrUpload
		}
		p := places[len(parts)]
		content, err := io.ReadAll(part)
		if err != nil || !bytes.Equal(content, body[p.from:p.to]) {
			return nil, ErrUpload
		}
		coding := strings.ToLower(part.Header.Get("Content-Transfer-Encoding"))
		p.name, p.coded = part.FormName(), !slices.Contains([]string{"", "binary", "8bit", "7bit"}, coding)
		parts = append(parts, p)
	}
	if len(parts) != len(places) {
		return nil, ErrUpload
	}
	return parts, nil
}

// placesBetween finds what lies between lines that begin with delim, without
// each part's header; nil where the last such line does not say that it is.
func placesBetween(body, delim []byte) []uploadPart {
	newline := append([]byte("\r\n"), delim...)
	at := 0
	if !bytes.HasPrefix(body, delim) {
		i := bytes.Index(body, newline)
		if i < 0 {
			return nil
		}
		at = i + 2
	}
	var places []uploadPart
	for {
		rest := bytes.TrimLeft(body[at+len(delim):], " \t")
		if bytes.HasPrefix(rest, []byte("--")) {
			return places
		}
		head := len(body) - len(rest)
		blank := bytes.Index(rest, []byte("\r\n\r\n"))
		if blank < 0 || !bytes.HasPrefix(rest, []byte("\r\n")) {
			return nil
		}
		p := uploadPart{from: head + blank + 4}
		// The line break before the delimiter is the delimiter's, even where the
		// content is empty and the break ends the header too.
		i := bytes.Index(body[p.from-2:], newline)
		if i < 0 {
			return nil
		}
		if p.to = p.from - 2 + i; i == 0 {
			p.to = p.from
		}
		at = p.from - 2 + i + 2
		places = append(places, p)
	}
}
