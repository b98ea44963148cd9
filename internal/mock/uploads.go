package mock

import (
	"net/http"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// upload is a file that is uploaded in parts.
type upload struct {
	mu      sync.Mutex
	id      string
	name    string
	purpose string
	kind    string
	size    int64 // announced
	created time.Time
	status  string
	parts   map[string]*file
	file    *file // once completed
}

func (u *upload) describe(c *call) ordered {
	o := ordered{"id", u.id, "object", "upload", "bytes", u.size, "created_at", u.created.Unix(), "filename", u.name,
		"purpose", u.purpose, "status", u.status, "expires_at", u.created.Add(time.Hour).Unix()}
	if u.file != nil {
		return append(o, "file", u.file.describe(c))
	}
	return append(o, "file", nil)
}

func createUpload(c *call) {
	root := gjson.ParseBytes(c.body)
	for _, key := range []string{"filename", "purpose", "mime_type", "bytes"} {
		if !root.Get(key).Exists() {
			c.fail(badRequest(key, "Missing required parameter: '"+key+"'."))
			return
		}
	}
	u := &upload{id: "upload_" + newID(c.id, 0), name: root.Get("filename").String(), purpose: root.Get("purpose").String(),
		kind: root.Get("mime_type").String(), size: root.Get("bytes").Int(), created: c.at, status: "pending", parts: make(map[string]*file)}
	for _, old := range c.s.objects.uploads.put(u.id, u) {
		old.mu.Lock()
		c.s.objects.forgetParts(old)
		old.mu.Unlock()
	}
	c.sendObject(http.StatusOK, u.describe(c))
}

func (o *objects) forgetParts(u *upload) {
	for id, part := range u.parts {
		o.forget(part)
		delete(u.parts, id)
	}
}

// pending finds the upload that the path names and locks it; nil after sending an
// error.
func (c *call) pending() *upload {
	u, ok := c.s.objects.uploads.get(c.args[0])
	if !ok {
		c.fail(c.noSuch("Upload", c.args[0]))
		return nil
	}
	u.mu.Lock()
	if u.status != "pending" {
		defer u.mu.Unlock()
		c.fail(badRequest("", "Upload "+u.id+" is "+u.status+"."))
		return nil
	}
	return u
}

func addPart(c *call) {
	form := c.readForm()
	if form == nil {
		return
	}
	part := form.files["data"]
	if part == nil {
		c.fail(badRequest("data", "Missing required parameter: 'data'."))
		return
	}
	u := c.pending()
	if u == nil {
		c.s.objects.forget(part)
		return
	}
	id := "part_" + newID(c.id, 0)
	u.parts[id] = part
	u.mu.Unlock()
	c.sendObject(http.StatusOK, ordered{"id", id, "object", "upload.part", "created_at", c.at.Unix(), "upload_id", u.id})
}

func completeUpload(c *call) {
	u := c.pending()
	if u == nil {
		return
	}
	out, p := c.assemble(u)
	if p == nil {
		u.status, u.file = "completed", c.addFile(out)
	}
	description := u.describe(c)
	u.mu.Unlock()
	if p != nil {
		c.fail(p)
		return
	}
	c.sendObject(http.StatusOK, description)
}

// assemble joins the parts in the order that the request names.
func (c *call) assemble(u *upload) (*file, *problem) {
	out := &file{name: u.name, purpose: u.purpose, kind: u.kind, created: c.at, whole: true}
	var parts []*file
	for _, id := range gjson.GetBytes(c.body, "part_ids").Array() {
		part := u.parts[id.Str]
		if part == nil {
			return nil, badRequest("part_ids", "Part "+id.Str+" does not belong to this upload.")
		}
		parts = append(parts, part)
		out.size += part.size
	}
	if len(parts) == 0 {
		return nil, badRequest("part_ids", "Missing required parameter: 'part_ids'.")
	}
	if out.size != u.size {
		return nil, badRequest("", "The parts have "+itoa(out.size)+" bytes, but the upload was announced with "+itoa(u.size)+".")
	}
	for _, part := range parts {
		out.whole = out.whole && part.whole
	}
	if out.whole = out.whole && c.s.objects.hold(out.size, c.keepLimit()); out.whole {
		out.content = make([]byte, 0, out.size)
		for _, part := range parts {
			out.content = append(out.content, part.content...)
		}
	}
	c.s.objects.forgetParts(u)
	return out, nil
}

func cancelUpload(c *call) {
	u := c.pending()
	if u == nil {
		return
	}
	u.status = "cancelled"
	c.s.objects.forgetParts(u)
	description := u.describe(c)
	u.mu.Unlock()
	c.sendObject(http.StatusOK, description)
}
