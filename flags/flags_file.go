package flags

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A flags file maps flag keys to scalars or flagd definitions, in YAML or JSON. A
// flagd file, which has that mapping under "flags" and its shared rules under
// "$evaluators", works too.

const flagdFlags = "flags" // flagd's top-level key

// parseFile parses a flags file into fields as a store holds them.
func parseFile(data []byte) (map[string]string, error) {
	// JSON first: it may contain characters that YAML forbids.
	if fields, ok := parseJSONFile(data); ok {
		return fields, nil
	}
	return parseYAMLFile(data)
}

// parseJSONFile parses a file that is valid JSON in the form of a flags file. It
// returns false for any other: the YAML parser has better error messages.
func parseJSONFile(data []byte) (map[string]string, bool) {
	var root, flags map[string]json.RawMessage
	if json.Unmarshal(data, &root) != nil {
		return nil, false
	}
	fields := map[string]string{}
	flags = root
	if nested, ok := root[flagdFlags]; ok {
		flags = nil // or Unmarshal would add to root
		if json.Unmarshal(nested, &flags) != nil {
			return nil, false
		}
		if shared, ok := root[evaluatorsKey]; ok {
			fields[evaluatorsKey] = dedupeKeys(string(shared))
		}
	}
	for key, raw := range flags {
		var text string
		switch {
		case string(raw) == "null":
			continue
		case json.Unmarshal(raw, &text) != nil:
			var compact bytes.Buffer
			if json.Compact(&compact, raw) != nil {
				return nil, false
			}
			text = compact.String()
		}
		fields[key] = text
	}
	return fields, true
}

func parseYAMLFile(data []byte) (map[string]string, error) {
	root, err := parseDocument(data)
	if err != nil || root == nil {
		return map[string]string{}, err
	}
	fields := map[string]string{}
	flags := root
	if nested := mapValue(root, flagdFlags); nested != nil {
		if nested.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: %q must be a mapping of flags", nested.Line, flagdFlags)
		}
		flags = nested
		if shared := mapValue(root, evaluatorsKey); shared != nil {
			if fields[evaluatorsKey], err = nodeText(shared); err != nil {
				return nil, err
			}
		}
	}
	for i := 0; i+1 < len(flags.Content); i += 2 {
		key, value := flags.Content[i], flags.Content[i+1]
		if value.Tag == "!!null" {
			continue
		}
		if _, twice := fields[key.Value]; twice {
			return nil, fmt.Errorf("line %d: %q is given twice", key.Line, shorten(key.Value))
		}
		if fields[key.Value], err = nodeText(value); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// parseDocument returns the top-level mapping; nil for an empty file.
func parseDocument(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("not valid YAML or JSON: %w", err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: a flags file must be a mapping, such as \"relay-percentage: 5\"", root.Line)
	}
	return root, nil
}

func mapValue(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// nodeText returns a YAML value in the form that Redis holds.
func nodeText(n *yaml.Node) (string, error) {
	if n.Kind == yaml.ScalarNode {
		return n.Value, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return "", fmt.Errorf("line %d: %w", n.Line, err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("line %d: %w", n.Line, err)
	}
	return string(text), nil
}

// editFile returns the file's text with some fields set, or removed where nil. A
// YAML file keeps its comments, its order and its form, flagd or plain.
func editFile(data []byte, changes map[string]*string) ([]byte, error) {
	root, err := parseDocument(data)
	if err != nil {
		return nil, err
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", HeadComment: strings.TrimSpace(string(data))}
	}
	flags := root
	if nested := mapValue(root, flagdFlags); nested != nil {
		flags = nested
	}
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		target := flags
		if key == evaluatorsKey {
			target = root
		}
		if err := setMapValue(target, key, changes[key], flags != root); err != nil {
			return nil, err
		}
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return renderJSON(root)
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

func renderJSON(root *yaml.Node) ([]byte, error) {
	var v any
	if err := root.Decode(&v); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}

// setMapValue sets or removes one key of a mapping. In a flagd file a scalar is
// wrapped into a definition, so that flagd can still read the file.
func setMapValue(m *yaml.Node, key string, value *string, wrap bool) error {
	var node *yaml.Node
	if value != nil {
		text := *value
		if wrap && key != evaluatorsKey {
			text = toDefinition(key, text)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 {
			doc.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}}
		}
		node = doc.Content[0]
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value != key {
			continue
		}
		if node == nil {
			m.Content = slices.Delete(m.Content, i, i+2)
			return nil
		}
		node.LineComment, node.HeadComment = m.Content[i+1].LineComment, m.Content[i+1].HeadComment
		m.Content[i+1] = node
		return nil
	}
	if node != nil {
		m.Style = 0
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, node)
	}
	return nil
}

// toDefinition returns the flagd definition that always resolves to a scalar.
func toDefinition(key, raw string) string {
	text := strings.TrimSpace(raw)
	if strings.HasPrefix(text, "{") {
		return text
	}
	v, err := parseScalar(key, text)
	if err != nil {
		v = text
	}
	name := "value"
	if b, ok := v.(bool); ok {
		name = map[bool]string{true: "on", false: "off"}[b]
	}
	definition, err := json.Marshal(map[string]any{
		"state": "ENABLED", "variants": map[string]any{name: v}, "defaultVariant": name,
	})
	if err != nil {
		return text
	}
	return string(definition)
}

// writeFileAtomic replaces a file's content, durably: a reader sees the old text or
// the new one, even after a power failure.
func writeFileAtomic(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncDir(dir)
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
