package exchange

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// vectorLimit bounds the dimensions of an embedding that is kept.
const vectorLimit = 1 << 16

// embeddingsBody reads the answer of the embeddings endpoint, whose vectors are
// lists of numbers or, as the official clients ask for, base64.
func (a *answer) embeddingsBody(data []byte) {
	s := scanner{b: data}
	c := &a.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "model":
			a.name(&c.Model, &s)
		case "usage":
			a.usage(&s)
		case "error":
			a.readError(&s)
		case "data":
			a.shaped = a.shaped || s.peek() == '['
			c.Vectors = 0
			for more := s.array(); more; more = s.nextItem() {
				a.vector(&s, c.Vectors)
				c.Vectors++
			}
			a.hollow = c.Vectors == 0
		default:
			s.skip()
		}
	}
	a.check(&s)
}

// vector consumes one entry of the data; the one with index 0 is kept.
func (a *answer) vector(s *scanner, index int) {
	var value []byte
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "index":
			index = s.count()
		case "embedding":
			value = s.span()
		default:
			s.skip()
		}
	}
	if len(value) == 0 || value[0] != '[' && value[0] != '"' {
		if !s.bad {
			a.fault("shape")
		}
		return
	}
	if !a.keep || index != 0 || a.x.Completion.Embedding != nil {
		return
	}
	if value[0] == '[' {
		a.x.Completion.Embedding = readFloats(value)
		return
	}
	v, ok := decodeFloats(value[1 : len(value)-1])
	if !ok {
		a.fault("base64")
	}
	a.x.Completion.Embedding = v
}

func readFloats(value []byte) []float32 {
	s := scanner{b: value}
	var v []float32
	for more := s.array(); more; more = s.nextItem() {
		f, err := strconv.ParseFloat(string(s.span()), 32)
		if err == nil && len(v) < vectorLimit {
			v = append(v, float32(f))
		}
	}
	return v
}

// decodeFloats decodes base64 of little-endian 32-bit floats.
func decodeFloats(text []byte) (v []float32, ok bool) {
	text = jsonString{text, slices.Contains(text, '\\')}.plain()
	if len(text) > base64.StdEncoding.EncodedLen(4*vectorLimit) {
		return nil, false
	}
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	for ; len(raw) >= 4; raw = raw[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return v, err == nil && len(raw) == 0
}

// moderationsBody reads the answer of the moderations endpoint.
func (a *answer) moderationsBody(data []byte) {
	s := scanner{b: data}
	c := &a.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			a.name(&c.ID, &s)
		case "model":
			a.name(&c.Model, &s)
		case "error":
			a.readError(&s)
		case "results":
			a.shaped = a.shaped || s.peek() == '['
			c.Choices = 0
			for more := s.array(); more; more = s.nextItem() {
				a.verdict(&s, c.Choices == 0)
				c.Choices++
			}
			a.hollow = c.Choices == 0
		default:
			s.skip()
		}
	}
	a.check(&s)
	slices.Sort(c.Categories)
}

// categoryLimit bounds the categories that are kept; providers have about 13.
const categoryLimit = 64

// verdict consumes the result for one input; the first one's is kept.
func (a *answer) verdict(s *scanner, first bool) {
	c := &a.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch {
		case first && string(key) == "flagged":
			c.Flagged = s.truth()
		case first && string(key) == "categories":
			for key, ok := s.object(); ok; key, ok = s.nextKey() {
				name := key
				if s.truth() && a.keep && len(c.Categories) < categoryLimit {
					c.Categories = append(c.Categories, jsonString{raw: name}.short())
				}
			}
		default:
			s.skip()
		}
	}
}
