package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// envPrefix starts the name of every environment variable that is a setting.
const envPrefix = "CUTOVER_"

// leaf is one key of the configuration with its field in Config.
type leaf struct {
	keyRow
	index []int // for reflect.Value.FieldByIndex
	typ   reflect.Type
}

// envNames are the environment variables that set the key: the full one first.
func (l *leaf) envNames() []string {
	names := []string{envName(l.key)}
	if l.env != "" {
		names = append(names, l.env)
	}
	return names
}

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// schema describes the fields of Config, in the order of the struct.
type schema struct {
	leaves []leaf
	byKey  map[string]*leaf
}

var (
	typeSecret   = reflect.TypeFor[Secret]()
	typeAuth     = reflect.TypeFor[Auth]()
	typeRedisURL = reflect.TypeFor[RedisURL]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeSize     = reflect.TypeFor[Size]()
	typePrice    = reflect.TypeFor[Price]()
	typeStatus   = reflect.TypeFor[Status]()
	typeHedge    = reflect.TypeFor[HedgeDelay]()
)

// isSection reports whether a type is a section with further keys, not a value.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != typeSecret && t != typeAuth && t != typeRedisURL && t != typeHedge
}

// fieldsOf lists the fields of a struct, with those of an embedded struct in its
// place.
func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Anonymous })
}

// newSchema joins the struct with the table of keys. A key that only one of them
// has is a bug, which the tests of this package detect.
func newSchema() (*schema, error) {
	rows := map[string]keyRow{}
	for _, k := range keyRows() {
		rows[k.key] = k
	}
	s := &schema{byKey: map[string]*leaf{}}
	var missing []string
	var walk func(t reflect.Type, prefix string, index []int)
	walk = func(t reflect.Type, prefix string, index []int) {
		for _, f := range fieldsOf(t) {
			key := prefix + f.Tag.Get("yaml")
			at := append(append([]int(nil), index...), f.Index...)
			typ := f.Type
			if isSection(typ) {
				walk(typ, key+".", at)
				continue
			}
			if typ.Kind() == reflect.Pointer {
				typ = typ.Elem()
			}
			row, ok := rows[key]
			if !ok {
				missing = append(missing, key)
			}
			delete(rows, key)
			s.leaves = append(s.leaves, leaf{keyRow: row, index: at, typ: typ})
		}
	}
	walk(reflect.TypeFor[Config](), "", nil)
	for i := range s.leaves {
		s.byKey[s.leaves[i].key] = &s.leaves[i]
	}
	if len(missing) > 0 || len(rows) > 0 {
		return nil, fmt.Errorf("the table of keys and the struct differ: without a row: %v; without a field: %v", missing, rows)
	}
	return s, nil
}

// structured reports whether the key can hold more than one scalar.
func (l *leaf) structured() bool {
	switch l.typ.Kind() {
	case reflect.Map, reflect.Slice, reflect.Struct:
		return true
	}
	return false
}

// field is the value in c that the leaf names.
func (l *leaf) field(c *Config) reflect.Value {
	v := reflect.ValueOf(c).Elem().FieldByIndex(l.index)
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(l.typ))
	}
	return v.Elem()
}
