package mock

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"time"
)

// file is an uploaded file, or the output of a batch.
type file struct {
	id      string
	name    string
	purpose string
	kind    string // media type
	size    int64
	created time.Time
	expires time.Time // zero: never
	content []byte
	whole   bool // content is all of it; false: it was too large to keep
	made    bool // made by the mock: Anthropic lets only those be downloaded
}

// describe is the file in the caller's dialect.
func (f *file) describe(c *call) ordered {
	if c.anthropic {
		return ordered{"id", f.id, "type", "file", "filename", f.name, "mime_type", f.kind, "size_bytes", f.size,
			"created_at", stamp(f.created), "downloadable", f.made}
	}
	o := ordered{"id", f.id, "object", "file", "bytes", f.size, "created_at", f.created.Unix(), "filename", f.name,
		"purpose", f.purpose, "status", "processed", "status_details", nil}
	if !f.expires.IsZero() {
		o = append(o, "expires_at", f.expires.Unix())
	}
	return o
}

// stamp is a time as Anthropic writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

// form is a multipart body, as far as it is kept.
type form struct {
	fields map[string]string
	files  map[string]*file // by field; content may be truncated
}

const maxField = 1 << 20

// readForm reads a multipart body as it arrives, in bounded memory; nil after sending
// an error.
func (c *call) readForm() *form {
	tap := &tap{r: c.r.Body, room: c.journalBody()}
	c.r.Body = io.NopCloser(tap)
	defer func() { c.record(tap.kept, tap.n) }()
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		c.fail(badRequest("", "The request must be multipart/form-data."))
		return nil
	}
	f := &form{fields: make(map[string]string), files: make(map[string]*file)}
	parts := multipart.NewReader(tap, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f
		}
		if err == nil {
			err = c.readPart(f, part)
		}
		if err != nil {
			c.broken(err)
			return nil
		}
	}
}

// broken sends an error for a body that could not be read, or gives up if the caller
// is gone.
func (c *call) broken(err error) {
	if c.r.Context().Err() != nil {
		c.gone = true
		panic(http.ErrAbortHandler)
	}
	c.fail(badRequest("", "The multipart body could not be read: "+err.Error()))
}

func (c *call) readPart(f *form, part *multipart.Part) error {
	if part.FileName() == "" {
		b, err := io.ReadAll(io.LimitReader(part, maxField))
		if err == nil {
			f.fields[part.FormName()] = string(b)
		}
		return err
	}
	one := &file{name: path.Base(part.FileName()), kind: orElse(part.Header.Get("Content-Type"), "application/octet-stream"), created: c.at}
	if err := c.fill(one, part); err != nil {
		return err
	}
	f.files[part.FormName()] = one
	return nil
}

// fill reads a file's content and keeps all of it or nothing.
func (c *call) fill(f *file, r io.Reader) error {
	limit := c.keepLimit()
	f.whole = true
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		f.size += int64(n)
		if f.whole && n > 0 {
			if f.whole = c.s.objects.hold(int64(n), limit); f.whole {
				f.content = append(f.content, buf[:n]...)
			} else {
				c.s.objects.forget(f)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			c.s.objects.forget(f)
			return err
		}
	}
}

func (st *settings) keepLimit() int64 { return orElse(st.MaxKept, 256<<20) }

// forget releases a file's content.
func (o *objects) forget(f *file) {
	o.release(int64(len(f.content)))
	f.content = nil
}

// tap forwards a body and keeps its start.
type tap struct {
	r    io.Reader
	kept []byte
	room int
	n    int64
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	t.kept = append(t.kept, p[:min(n, t.room-len(t.kept))]...)
	return n, err
}

// addFile gives a file its id and puts it on the shelf.
func (c *call) addFile(f *file) *file {
	f.id = "file-" + newID(c.s.nextID(), 0)
	if c.anthropic {
		f.id = "file_01" + newID(c.s.nextID(), 0)
	}
	for _, old := range c.s.objects.files.put(f.id, f) {
		c.s.objects.forget(old)
	}
	return f
}

func uploadFile(c *call) {
	form := c.readForm()
	if form == nil {
		return
	}
	f := form.files["file"]
	switch {
	case f == nil:
		c.fail(badRequest("file", "Missing required parameter: 'file'."))
		return
	case !c.anthropic && form.fields["purpose"] == "":
		c.s.objects.forget(f)
		c.fail(badRequest("purpose", "Missing required parameter: 'purpose'."))
		return
	}
	f.purpose = form.fields["purpose"]
	if seconds, err := strconv.Atoi(form.fields["expires_after[seconds]"]); err == nil && seconds > 0 {
		f.expires = f.created.Add(time.Duration(seconds) * time.Second)
	}
	c.sendObject(http.StatusOK, c.addFile(f).describe(c))
}

// file finds the file that the path names; nil after sending an error.
func (c *call) file() *file {
	if f, ok := c.s.objects.files.get(c.args[0]); ok && (f.expires.IsZero() || c.at.Before(f.expires)) {
		return f
	}
	c.fail(c.noSuch("File", c.args[0]))
	return nil
}

// noSuch is the error for an id that is not known here.
func (c *call) noSuch(what, id string) *problem {
	if c.anthropic {
		return notFound(what + " not found: " + id)
	}
	p := notFound("No such " + what + " object: " + id)
	p.param = "id"
	return p
}

func getFile(c *call) {
	if f := c.file(); f != nil {
		c.sendObject(http.StatusOK, f.describe(c))
	}
}

func listFiles(c *call) {
	purpose := c.r.URL.Query().Get("purpose")
	ids := c.s.objects.files.ids(func(f *file) bool { return purpose == "" || f.purpose == purpose })
	describe := func(id string) any {
		f, ok := c.s.objects.files.get(id)
		if !ok { // deleted meanwhile
			f = &file{id: id}
		}
		return f.describe(c)
	}
	if c.anthropic {
		c.sendObject(http.StatusOK, c.page(ids, describe))
		return
	}
	c.sendObject(http.StatusOK, c.cursor(ids, describe))
}

func deleteFile(c *call) {
	f := c.file()
	if f == nil {
		return
	}
	if _, ok := c.s.objects.files.drop(f.id); ok {
		c.s.objects.forget(f)
	}
	if c.anthropic {
		c.sendObject(http.StatusOK, ordered{"id", f.id, "type", "file_deleted"})
		return
	}
	c.sendObject(http.StatusOK, ordered{"id", f.id, "object", "file", "deleted", true})
}

func fileContent(c *call) {
	f := c.file()
	switch {
	case f == nil:
	case c.anthropic && !f.made:
		c.fail(badRequest("", "File is not downloadable."))
	case !f.whole:
		c.fail(badRequest("", "The content of this file was too large for the mock to keep (max_kept)."))
	default:
		c.pass(orElse(f.kind, "application/octet-stream"), f.content)
	}
}

// pass sends bytes that are not JSON, after the delay for such calls.
func (c *call) pass(contentType string, body []byte) {
	if !c.wait(c.Other.draw(&c.dice)) {
		panic(http.ErrAbortHandler)
	}
	c.header()
	c.send(http.StatusOK, contentType, body)
}
