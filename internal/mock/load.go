package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfig bounds a configuration file.
const maxConfig = 4 << 20

// LoadFile reads a configuration file in YAML or JSON. An unknown key, a value
// of the wrong type or out of range is an error that names the file and, where
// it can, the line.
func LoadFile(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("mock configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return Config{}, fmt.Errorf("mock configuration: %w", err)
	}
	if len(b) > maxConfig {
		return Config{}, fmt.Errorf("mock configuration %s is larger than %d bytes", path, maxConfig)
	}
	cfg, err := Parse(b)
	if err != nil {
		return Config{}, fmt.Errorf("mock configuration %s: %w", path, err)
	}
	return cfg, nil
}

// Parse reads a configuration in YAML, of which JSON is a part, and validates it.
func Parse(text []byte) (Config, error) {
	var cfg Config
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, explain(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("only one document is allowed")
	}
	if err := cfg.Validate(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// explain rewords the decoder's errors, and suggests the nearest key for an unknown
// one.
func explain(err error) error {
	var many *yaml.TypeError
	if !errors.As(err, &many) {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	unknown := regexp.MustCompile(`^line (\d+): field (\S+) not found in type (\S+)$`)
	words := make([]string, len(many.Errors))
	for i, e := range many.Errors {
		words[i] = e
		if m := unknown.FindStringSubmatch(e); m != nil {
			words[i] = fmt.Sprintf("line %s: there is no key %q", m[1], m[2])
			if near := nearest(m[2], keysOf(m[3])); near != "" {
				words[i] += fmt.Sprintf("; did you mean %q?", near)
			}
		}
	}
	return errors.New(strings.Join(words, "; "))
}

// keysOf lists the keys of a type of the configuration.
func keysOf(name string) []string {
	t := reflect.TypeFor[Config]()
	if name == "mock.Fault" {
		t = reflect.TypeFor[Fault]()
	}
	var keys []string
	for _, f := range reflect.VisibleFields(t) {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// nearest is the key that differs least from what was written, if it is close enough.
func nearest(written string, keys []string) string {
	best, least := "", len(written)/2+1
	for _, key := range keys {
		if d := distance(written, key); d < least {
			best, least = key, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
