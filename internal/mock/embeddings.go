package mock

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// sendObject sends an object, after the delay for such calls.
func (c *call) sendObject(status int, v any) {
	if !c.wait(c.Other.draw(&c.dice)) {
		panic(http.ErrAbortHandler)
	}
	c.header()
	c.send(status, "application/json", encode(v))
}

// embed handles embeddings. Texts that share words have vectors that point in similar
// directions.
func embed(c *call) {
	if !c.wait(c.Other.draw(&c.dice)) {
		panic(http.ErrAbortHandler)
	}
	n := orElse(c.ask.dimensions, orElse(c.Dimensions, 1536))
	voice := throw(c.Seed, hashText(orElse(c.Voice, c.ask.served)))
	b := []byte(`{"object":"list","data":[`)
	for i, text := range c.ask.inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"object":"embedding","index":`+itoa(i)+`,"embedding":`...)
		v := c.vector(text, n, uint64(voice))
		if c.ask.base64 {
			b = append(b, '"')
			b = base64.StdEncoding.AppendEncode(b, floatBytes(v))
			b = append(b, `"}`...)
			continue
		}
		b = append(b, '[')
		for k, x := range v {
			if k > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
		}
		b = append(b, `]}`...)
	}
	b = append(b, `],"model":`...)
	b = appendString(b, c.ask.served)
	if c.fault.kind != noUsage {
		tokens := itoa(skew(c.ask.inputTokens, orElse(c.Bill, 1)))
		b = append(b, `,"usage":{"prompt_tokens":`+tokens+`,"total_tokens":`+tokens+`}`...)
	}
	c.header()
	c.send(http.StatusOK, "application/json", append(b, '}'))
}

// vector is the unit vector of a text: the sum of its words' directions.
func (c *call) vector(text string, n int, voice uint64) []float32 {
	sum := make([]float64, n)
	add := func(d dice, weight float64) {
		for i := range sum {
			sum[i] += weight * (2*d.float() - 1)
		}
	}
	words := strings.Fields(strings.ToLower(text))
	for _, w := range words[:min(len(words), 512)] {
		add(throw(voice, hashText(w)), 1)
	}
	add(throw(voice, hashText(text)), 0.1) // never the zero vector
	if c.Noise > 0 {
		add(throw(uint64(c.dice), hashText(text)), 0.02*c.Noise*math.Sqrt(float64(len(words)+1)))
	}
	length := 0.0
	for _, x := range sum {
		length += x * x
	}
	length = math.Sqrt(length)
	unit := make([]float32, n)
	for i, x := range sum {
		unit[i] = float32(x / length)
	}
	return unit
}

func floatBytes(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
