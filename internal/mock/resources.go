package mock

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
)

// resource is any other object that a provider keeps for callers (a vector store, a
// thread, a fine-tuning job). It is created with an id, by which it is fetched,
// changed, listed and deleted; its content is what the caller sent.
type resource struct {
	id     string
	parent string // the path of its collection
	object string
	body   []byte // JSON object
}

// resourceKind says what one family of resources is called.
type resourceKind struct {
	path   string // "*" for a parent's id
	prefix string // of its ids
	object string
	extra  string // JSON fields that it has besides
}

func resourceKinds() []resourceKind {
	return []resourceKind{
		{
			"vector_stores",
			"vs_",
			"vector_store",
			`"status":"completed","file_counts":{"in_progress":0,"completed":0,"failed":0,"cancelled":0,"total":0},` +
				`"usage_bytes":0,"last_active_at":null,"metadata":{},"name":""`,
		},
		{"vector_stores/*/files", "file-", "vector_store.file", `"status":"completed","usage_bytes":0,"last_error":null`},
		{"assistants", "asst_", "assistant", `"name":null,"description":null,"instructions":null,"tools":[],"metadata":{},"model":""`},
		{"threads", "thread_", "thread", `"metadata":{},"tool_resources":{}`},
		{
			"threads/*/messages",
			"msg_",
			"thread.message",
			`"role":"user","content":[],"metadata":{},"attachments":[],"assistant_id":null,"run_id":null,"thread_id":""`,
		},
		{
			"threads/*/runs",
			"run_",
			"thread.run",
			`"status":"completed","assistant_id":"","thread_id":"","instructions":"","model":"","tools":[],"metadata":{},"usage":null`,
		},
		{
			"fine_tuning/jobs",
			"ftjob-",
			"fine_tuning.job",
			`"status":"queued","model":"","training_file":"","validation_file":null,"result_files":[],"fine_tuned_model":null,` +
				`"finished_at":null,"trained_tokens":null,"organization_id":"org-mock","seed":0,"error":null,"hyperparameters":{"n_epochs":"auto"}`,
		},
		{"containers", "cntr_", "container", `"status":"running","name":"","last_active_at":0`},
		{"conversations", "conv_", "conversation", `"metadata":{}`},
		{"evals", "eval_", "eval", `"name":"","metadata":{}`},
		{"skills", "skill_", "skill", `"name":""`},
	}
}

// resources adds the endpoints of all families.
func (t routes) resources() {
	for _, k := range resourceKinds() {
		t.add("POST", k.path, route{dialect: sharedDialect, handle: func(c *call) { c.create(k) }})
		t.add("GET", k.path, route{dialect: sharedDialect, handle: func(c *call) { c.list(k) }})
		t.add("GET", k.path+"/*", route{dialect: sharedDialect, handle: func(c *call) { c.show(k) }})
		t.add("POST", k.path+"/*", route{dialect: sharedDialect, handle: func(c *call) { c.change(k) }})
		t.add("DELETE", k.path+"/*", route{dialect: sharedDialect, handle: func(c *call) { c.remove(k) }})
	}
	cancel := func(c *call) { c.cancelResource() }
	t.add("POST", "fine_tuning/jobs/*/cancel", route{handle: cancel})
	t.add("POST", "threads/*/runs/*/cancel", route{handle: cancel})
}

// parent is the path of the collection of the call's resource. It checks that the
// parent exists.
func (c *call) parent(k resourceKind) (path string, ok bool) {
	if !strings.Contains(k.path, "*") {
		return k.path, true
	}
	if _, ok := c.s.objects.resources.get(c.args[0]); !ok {
		c.fail(c.noSuch(k.path[:strings.Index(k.path, "/")], c.args[0]))
		return "", false
	}
	return strings.Replace(k.path, "*", c.args[0], 1), true
}

func (c *call) create(k resourceKind) {
	parent, ok := c.parent(k)
	if !ok {
		return
	}
	if len(c.body) > 0 && !gjson.ParseBytes(c.body).IsObject() {
		c.fail(badRequest("", "The JSON body of the request must be an object."))
		return
	}
	id := k.prefix + newID(c.id, 0)
	fields := ordered{"id", id, "object", k.object, "created_at", c.at.Unix()}
	seen := map[string]bool{"id": true, "object": true, "created_at": true}
	add := func(key, value gjson.Result) bool {
		if !seen[key.Str] {
			seen[key.Str] = true
			fields = append(fields, key.Str, raw(value.Raw))
		}
		return true
	}
	if json.Valid(c.body) {
		gjson.ParseBytes(c.body).ForEach(add)
	}
	if len(c.args) > 0 && strings.HasPrefix(k.path, "threads/") && !seen["thread_id"] {
		seen["thread_id"] = true
		fields = append(fields, "thread_id", c.args[0])
	}
	gjson.Parse("{" + k.extra + "}").ForEach(add)
	one := &resource{id: id, parent: parent, object: k.object, body: encode(fields)}
	c.s.objects.resources.put(id, one)
	c.pass("application/json", one.body)
}

// resource finds the resource that the path names; nil after sending an error.
func (c *call) resource(k resourceKind) *resource {
	id := c.args[len(c.args)-1]
	r, ok := c.s.objects.resources.get(id)
	if !ok || r.object != k.object {
		c.fail(c.noSuch(k.object, id))
		return nil
	}
	return r
}

func (c *call) show(k resourceKind) {
	if r := c.resource(k); r != nil {
		c.pass("application/json", r.body)
	}
}

func (c *call) change(k resourceKind) {
	r := c.resource(k)
	if r == nil {
		return
	}
	changed := *r
	fields := make(map[string]string)
	gjson.ParseBytes(c.body).ForEach(func(key, value gjson.Result) bool {
		if key.Str != "id" && key.Str != "object" {
			fields[key.Str] = value.Raw
		}
		return true
	})
	if json.Valid(c.body) {
		changed.body = rewrite(r.body, fields)
	}
	c.s.objects.resources.put(r.id, &changed)
	c.pass("application/json", changed.body)
}

func (c *call) remove(k resourceKind) {
	if r := c.resource(k); r != nil {
		c.s.objects.resources.drop(r.id)
		c.sendObject(http.StatusOK, ordered{"id", r.id, "object", k.object + ".deleted", "deleted", true})
	}
}

func (c *call) list(k resourceKind) {
	parent, ok := c.parent(k)
	if !ok {
		return
	}
	ids := c.s.objects.resources.ids(func(r *resource) bool { return r.parent == parent })
	c.sendObject(http.StatusOK, c.cursor(ids, func(id string) any {
		r, ok := c.s.objects.resources.get(id)
		if !ok {
			return ordered{"id", id, "object", k.object}
		}
		return raw(string(r.body))
	}))
}

// cancelResource cancels a running resource.
func (c *call) cancelResource() {
	id := c.args[len(c.args)-1]
	r, ok := c.s.objects.resources.get(id)
	if !ok {
		c.fail(c.noSuch("job", id))
		return
	}
	changed := *r
	changed.body = rewrite(r.body, map[string]string{"status": `"cancelled"`})
	c.s.objects.resources.put(id, &changed)
	c.pass("application/json", changed.body)
}
