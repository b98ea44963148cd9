package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cutover/exchange"
	"cutover/internal/config"
	"cutover/internal/sidecar"
	"cutover/internal/wording"
	"cutover/upstream"
)

// modelListLimit bounds what is read of a provider's list of models.
const modelListLimit = 8 << 20

// upstream asks one provider for its list of models, with the credentials and
// over the transport that served calls would have.
func (d *Doctor) upstream(ctx context.Context, arm exchange.Arm) Finding {
	f := Finding{Check: arm.String(), Status: Failed}
	up, err := upstream.New(sidecar.UpstreamConfig(&d.conf.Config, arm))
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	defer up.Close()
	begun := time.Now()
	answer, err := d.listModels(ctx, up, arm)
	if err != nil {
		return d.unreachable(ctx, f, arm, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, modelListLimit))
	if err != nil {
		return d.unreachable(ctx, f, arm, err)
	}
	f.Detail = fmt.Sprintf("%s/models answers %d in %d ms over %s", strings.TrimRight(d.settings(arm).BaseURL, "/"),
		answer.StatusCode, time.Since(begun).Milliseconds(), protocolOf(answer))
	return d.judge(f, arm, answer, body)
}

func (d *Doctor) settings(arm exchange.Arm) *config.UpstreamConfig {
	if arm == exchange.Relay {
		return &d.conf.Upstreams.Relay
	}
	return &d.conf.Upstreams.Primary
}

func (d *Doctor) listModels(ctx context.Context, up *upstream.Upstream, arm exchange.Arm) (*http.Response, error) {
	const path = "/v1/models"
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {"cutover-doctor"}}
	query := ""
	if d.settings(arm).Auth.Kind == config.AuthXAPIKey {
		header["Anthropic-Version"] = []string{"2023-06-01"}
		query = "limit=1000" // all at once, in place of the first twenty
	}
	q := &exchange.Request{
		Endpoint: exchange.Lookup(http.MethodGet, path),
		Method:   http.MethodGet,
		Path:     path,
		RawQuery: query,
		Header:   header,
		At:       time.Now(),
	}
	req, err := up.Serve(ctx, q, &http.Request{URL: &url.URL{Path: path}, Header: header}, nil, &upstream.Permit{})
	if err != nil {
		return nil, err
	}
	return up.RoundTrip(req)
}

// protocolOf names the versions of HTTP and TLS that an answer came over.
func protocolOf(answer *http.Response) string {
	if answer.TLS == nil {
		return answer.Proto + " without TLS"
	}
	return answer.Proto + ", " + tls.VersionName(answer.TLS.Version)
}

// unreachable words a call that brought no answer.
func (d *Doctor) unreachable(ctx context.Context, f Finding, arm exchange.Arm, err error) Finding {
	class, code := upstream.Classify(ctx, err)
	f.Detail = d.settings(arm).BaseURL + ": no answer: " + dialFault(err)
	switch class {
	case exchange.ClassTLS:
		f.Detail = d.settings(arm).BaseURL + ": no TLS connection (" + code + ")"
		f.Advice = "is base_url's scheme right, and the certificate from an authority that this machine trusts? upstreams." + arm.String() + ".ca names another"
	case exchange.ClassConnect:
		f.Advice = "check host and port of upstreams." + arm.String() + ".base_url, and whether this machine may connect there (firewall, HTTPS_PROXY)"
	default:
		f.Advice = "it connects and then fails: check upstreams." + arm.String() + ".protocol, and --timeout"
	}
	return f
}

// judge turns an answer into a Finding with advice.
func (d *Doctor) judge(f Finding, arm exchange.Arm, answer *http.Response, body []byte) Finding {
	auth := d.settings(arm).Auth
	key := "upstreams." + arm.String() + "."
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return d.judgeAuth(f, key, auth)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		f.Status = Note
		f.Advice = "there is no list of models there: if calls fail too, " + key + "base_url is wrong"
		if !strings.Contains(d.settings(arm).BaseURL, "/v1") {
			f.Advice += " (most providers' ends in /v1)"
		}
	case status >= 300 && status < 400:
		f.Status = Note
		f.Detail += ": it redirects"
		f.Advice = "callers would get the redirect: set " + key + "base_url to where it leads"
	case status == http.StatusTooManyRequests:
		f.Status = Note
		f.Advice = "it is reachable, and refuses for too many calls: try again later, or ask for a higher limit"
	case status >= 500:
		f.Advice = "it is reachable, and fails by itself: try again, and look at the provider's status page"
	case status >= 400:
		f.Advice = "it is reachable, and refuses this call: check " + key + "base_url and " + key + "auth"
	default:
		return d.judgeModels(f, arm, body)
	}
	return f
}

func (d *Doctor) judgeAuth(f Finding, key string, auth config.Auth) Finding {
	switch auth.Kind {
	case config.AuthPassthrough:
		f.Status = OK
		f.Detail += ": it asks for a key, and callers bring their own"
	case config.AuthNone:
		f.Advice = "it asks for a key, and none is configured: set " + key + "auth"
		if strings.HasPrefix(key, "upstreams.relay") {
			f.Advice += " or RELAY_API_KEY"
		}
	case config.AuthKey:
		f.Advice = "the key (" + auth.Secret.Where() + ") is refused as a bearer token: is it this provider's, complete and not expired? Callers that send x-api-key or api-key have it sent there"
	default:
		f.Advice = "the key (" + auth.Secret.Where() + ") is refused: is it this provider's, complete and not expired, and does it belong into " + string(auth.Kind) + "?"
	}
	return f
}

// judgeModels reads the list of models and looks for those of the map.
func (d *Doctor) judgeModels(f Finding, arm exchange.Arm, body []byte) Finding {
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Data == nil {
		f.Status = Note
		f.Detail += ": not a list of models"
		f.Advice = "is upstreams." + arm.String() + ".base_url the API, and not a web page?"
		return f
	}
	f.Status = OK
	f.Detail += fmt.Sprintf(": %d models", len(list.Data))
	offered := map[string]bool{}
	for _, m := range list.Data {
		offered[m.ID] = true
	}
	models := &d.settings(arm).Models
	astray := astrayModels(models, offered)
	if reached := reachedModels(models); len(reached) > 0 && len(astray) == 0 {
		f.Detail += ", with all that names are mapped to: " + strings.Join(reached, ", ")
	}
	if len(astray) > 0 {
		f.Status = Note
		f.Advice = "not in the list: " + strings.Join(astray, ", ") + ": calls that are mapped there will fail; correct upstreams." + arm.String() + ".models"
	}
	return f
}

// reachedModels are the models that names are mapped to, sorted.
func reachedModels(m *config.ModelsConfig) []string {
	var to []string
	for _, one := range m.All() {
		to = slices.AppendSeq(to, maps.Values(one.Names.Map))
		if one.Names.Default != "" {
			to = append(to, one.Names.Default)
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

// astrayModels are the names that are mapped to models which are not offered, each
// with the key that does so.
func astrayModels(m *config.ModelsConfig, offered map[string]bool) []string {
	var found []string
	for _, one := range m.All() {
		for _, asked := range slices.Sorted(maps.Keys(one.Names.Map)) {
			if to := one.Names.Map[asked]; !offered[to] {
				found = append(found, fmt.Sprintf("%s (%s.map maps %s to it)", wording.Quote(to), one.Key, wording.Quote(asked)))
			}
		}
		if to := one.Names.Default; to != "" && !offered[to] {
			found = append(found, fmt.Sprintf("%s (%s.default)", wording.Quote(to), one.Key))
		}
	}
	return found
}
