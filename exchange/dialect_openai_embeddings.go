package exchange

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// openAIEmbeddings is the dialect of embeddings.
func openAIEmbeddings() DialectSpec {
	return DialectSpec{
		Name: "openai-embeddings",
		endpoints: []row{
			{method: "POST", pattern: "embeddings", kind: Inference, dialect: OpenAIEmbeddings},
		},
		Forms:          RequestForms{UserText: []string{"input"}},
		NoOutputTokens: true,

		readBody: (*response).readEmbeddings,
		Varying:  []string{"data.[].embedding"},
	}
}

// vectorLimit bounds the dimensions of an embedding that is kept.
const vectorLimit = 1 << 16

// readEmbeddings reads the response of the embeddings endpoint, whose vectors
// are lists of numbers or, as the official clients request it, base64.
func (r *response) readEmbeddings(data []byte) {
	s := scanner{b: data}
	c := &r.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "model":
			r.setOnce(&c.Model, &s)
		case "usage":
			r.readUsage(&s)
		case "error":
			r.readError(&s)
		case "data":
			r.wellFormed = r.wellFormed || s.peek() == '['
			c.Vectors = 0
			for more := s.array(); more; more = s.nextItem() {
				r.readVector(&s, c.Vectors)
				c.Vectors++
			}
			r.empty = c.Vectors == 0
		default:
			s.skip()
		}
	}
	r.checkSyntax(&s)
}

// readVector consumes one entry of the data; the one with index 0 is kept.
func (r *response) readVector(s *scanner, index int) {
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
			r.addFault("shape")
		}
		return
	}
	if !r.keepText || index != 0 || r.x.Completion.Embedding != nil {
		return
	}
	if value[0] == '[' {
		r.x.Completion.Embedding = readFloats(value)
		return
	}
	v, ok := decodeFloats(value[1 : len(value)-1])
	if !ok {
		r.addFault("base64")
	}
	r.x.Completion.Embedding = v
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
