package config

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Print writes the effective configuration as YAML, each value with its origin as a
// comment. Secrets appear as references. Loading the output gives the same
// configuration.
func (l *Loaded) Print(w io.Writer) error {
	schema, err := newSchema()
	if err != nil {
		return err
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	sections := map[string]*yaml.Node{"": root}
	for i := range schema.leaves {
		lf := &schema.leaves[i]
		section, name := "", lf.key
		if cut := strings.LastIndexByte(lf.key, '.'); cut >= 0 {
			section, name = lf.key[:cut], lf.key[cut+1:]
		}
		value := yamlValue(lf.field(&l.Config))
		value.LineComment = l.origins[lf.key].String()
		parent := sectionNode(sections, section)
		parent.Content = append(parent.Content, yamlText(name), value)
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return enc.Close()
}

// sectionNode returns the mapping of a section, created on first use.
func sectionNode(sections map[string]*yaml.Node, path string) *yaml.Node {
	if n, ok := sections[path]; ok {
		return n
	}
	parent, name := "", path
	if cut := strings.LastIndexByte(path, '.'); cut >= 0 {
		parent, name = path[:cut], path[cut+1:]
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	sections[path] = n
	up := sectionNode(sections, parent)
	up.Content = append(up.Content, yamlText(name), n)
	return n
}

// yamlValue is a value in the form in which the file takes it.
func yamlValue(v reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case Secret:
		return yamlSecret(x)
	case RedisURL:
		if x.Ref.IsSet() {
			return yamlSecret(x.Ref)
		}
		return yamlText(x.Plain)
	case Auth:
		return yamlAuth(x)
	case time.Duration:
		return yamlText(formatDuration(x))
	case HedgeDelay:
		return yamlText(x.String())
	case Size:
		return yamlText(x.String())
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(x)}
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(x)}
	case float64:
		return yamlFloat(x)
	case string:
		return yamlText(x)
	case []string:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range x {
			n.Content = append(n.Content, yamlText(s))
		}
		return n
	case []Status:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range x {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: string(s)})
		}
		return n
	case map[string]string:
		return yamlMap(x, yamlText)
	case map[string]Price:
		return yamlMap(x, func(p Price) *yaml.Node {
			return flow(yamlText("input"), yamlFloat(p.Input), yamlText("output"), yamlFloat(p.Output))
		})
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

func yamlAuth(a Auth) *yaml.Node {
	switch a.Kind {
	case AuthNone, AuthPassthrough, "":
		return yamlText(string(a.Kind))
	case AuthHeader, AuthQuery:
		return flow(yamlText(string(a.Kind)), flow(yamlText("name"), yamlText(a.Name), yamlText("value"), yamlSecret(a.Secret)))
	}
	return flow(yamlText(string(a.Kind)), yamlSecret(a.Secret))
}

func yamlSecret(s Secret) *yaml.Node {
	switch {
	case s.Env != "":
		return flow(yamlText("env"), yamlText(s.Env))
	case s.File != "":
		return flow(yamlText("file"), yamlText(s.File))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

func yamlMap[V any](m map[string]V, value func(V) *yaml.Node) *yaml.Node {
	n := flow()
	for _, k := range slices.Sorted(maps.Keys(m)) {
		n.Content = append(n.Content, yamlText(k), value(m[k]))
	}
	return n
}

func flow(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: content}
}

func yamlText(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	if n.Style == yaml.LiteralStyle { // can't represent lines that start with a tab
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func yamlFloat(f float64) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(f, 'f', -1, 64)}
}
