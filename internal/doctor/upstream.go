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

// modelListLimit bounds how much of a provider's list of models is read.
const modelListLimit = 8 << 20

// upstream requests a provider's list of models, with the credentials and the
// transport that served calls would use.
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
	f.Detail = fmt.Sprintf("%s/models returned %d in %d ms over %s", strings.TrimRight(d.settings(arm).BaseURL, "/"),
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
		query = "limit=1000" // all at once, instead of the first twenty
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

// protocolOf names the HTTP and TLS versions of a response.
func protocolOf(answer *http.Response) string {
	if answer.TLS == nil {
		return answer.Proto + " without TLS"
	}
	return answer.Proto + ", " + tls.VersionName(answer.TLS.Version)
}

// unreachable describes a call without a response.
func (d *Doctor) unreachable(ctx context.Context, f Finding, arm exchange.Arm, err error) Finding {
	class, code := upstream.Classify(ctx, err)
	f.Detail = d.settings(arm).BaseURL + ": no response: " + dialFault(err)
	switch class {
	case exchange.ClassTLS:
		f.Detail = d.settings(arm).BaseURL + ": no TLS connection (" + code + ")"
		f.Advice = "check the scheme of base_url, and that this machine trusts the CA of the certificate; " +
			"upstreams." + arm.String() + ".ca sets another CA"
	case exchange.ClassConnect:
		f.Advice = "check host and port of upstreams." + arm.String() + ".base_url, " +
			"and that this machine can connect to it (firewall, HTTPS_PROXY)"
	default:
		f.Advice = "the connection fails after connecting: check upstreams." + arm.String() + ".protocol, and --timeout"
	}
	return f
}

// judge turns a response into a Finding with advice.
func (d *Doctor) judge(f Finding, arm exchange.Arm, answer *http.Response, body []byte) Finding {
	auth := d.settings(arm).Auth
	key := "upstreams." + arm.String() + "."
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return d.judgeAuth(f, key, auth)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		f.Status = Note
		f.Advice = "no list of models at this URL: if calls fail too, " + key + "base_url is wrong"
		if !strings.Contains(d.settings(arm).BaseURL, "/v1") {
			f.Advice += " (for most providers it ends in /v1)"
		}
	case status >= 300 && status < 400:
		f.Status = Note
		f.Detail += ": a redirect"
		f.Advice = "callers would get the redirect: set " + key + "base_url to its target"
	case status == http.StatusTooManyRequests:
		f.Status = Note
		f.Advice = "the provider can be reached but rate-limits this call: try again later, or request a higher limit"
	case status >= 500:
		f.Advice = "the provider can be reached but reports an internal error: try again, and check its status page"
	case status >= 400:
		f.Advice = "the provider can be reached but rejects this call: check " + key + "base_url and " + key + "auth"
	default:
		return d.judgeModels(f, arm, body)
	}
	return f
}

func (d *Doctor) judgeAuth(f Finding, key string, auth config.Auth) Finding {
	switch auth.Kind {
	case config.AuthPassthrough:
		f.Status = OK
		f.Detail += ": it requires a key, and callers send their own"
	case config.AuthNone:
		f.Advice = "it requires a key, but none is configured: set " + key + "auth"
		if strings.HasPrefix(key, "upstreams.relay") {
			f.Advice += " or RELAY_API_KEY"
		}
	case config.AuthKey:
		f.Advice = "the key (" + auth.Secret.Where() + ") is rejected as a bearer token: " +
			"check that it belongs to this provider, is complete and has not expired. " +
			"For callers that send x-api-key or api-key it is sent in that header"
	default:
		f.Advice = "the key (" + auth.Secret.Where() + ") is rejected: " +
			"check that it belongs to this provider, is complete and has not expired, " +
			"and that the provider expects it as " + string(auth.Kind)
	}
	return f
}

// judgeModels reads the list of models and looks up those that the map refers to.
func (d *Doctor) judgeModels(f Finding, arm exchange.Arm, body []byte) Finding {
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Data == nil {
		f.Status = Note
		f.Detail += ": not a list of models"
		f.Advice = "check that upstreams." + arm.String() + ".base_url is the API, not a web page"
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
		f.Detail += ", including all mapped models: " + strings.Join(reached, ", ")
	}
	if len(astray) > 0 {
		f.Status = Note
		f.Advice = "not in the list: " + strings.Join(astray, ", ") +
			": calls that are mapped to them will fail; correct upstreams." + arm.String() + ".models"
	}
	return f
}

// reachedModels are the models that the maps refer to, sorted.
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

// astrayModels are the mapped models that the provider does not offer, each with
// the key that maps to it.
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
