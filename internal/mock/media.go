package mock

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"strconv"

	"github.com/tidwall/gjson"
)

// picture is a small valid PNG whose colour depends on the prompt.
func picture(prompt string) []byte {
	d := throw(hashText(prompt))
	img := image.NewRGBA(image.Rect(0, 0, 8, 8))
	for y := range 8 {
		for x := range 8 {
			img.Set(x, y, color.RGBA{R: uint8(d.n(256)), G: uint8(16 * x), B: uint8(16 * y), A: 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // writing to a buffer can't fail
	return b.Bytes()
}

// generateImages handles images/generations.
func generateImages(c *call) {
	root := gjson.ParseBytes(c.body)
	if root.Get("prompt").Str == "" {
		c.fail(badRequest("prompt", "Missing required parameter: 'prompt'."))
		return
	}
	c.images(root.Get("prompt").Str, int(root.Get("n").Int()), root.Get("response_format").Str, root.Get("stream").Bool())
}

// editImages handles images/edits and images/variations.
func editImages(c *call) {
	form := c.readForm()
	if form == nil {
		return
	}
	found := false
	for name, f := range form.files {
		found = found || name == "image" || name == "image[]"
		c.s.objects.forget(f)
	}
	if !found {
		c.fail(badRequest("image", "Missing required parameter: 'image'."))
		return
	}
	n, err := strconv.Atoi(form.fields["n"])
	if err != nil {
		n = 1
	}
	c.images(form.fields["prompt"], n, form.fields["response_format"], form.fields["stream"] == "true")
}

func (c *call) images(prompt string, n int, format string, stream bool) {
	n = min(max(n, 1), 10)
	usage := ordered{"input_tokens", countTokens(prompt), "input_tokens_details", obj{"text_tokens": countTokens(prompt), "image_tokens": 0},
		"output_tokens", 272 * n, "total_tokens", countTokens(prompt) + 272*n}
	if stream {
		b64 := base64.StdEncoding.EncodeToString(picture(prompt))
		c.streamEvents([]ordered{
			{
				"type",
				"image_generation.partial_image",
				"partial_image_index",
				0,
				"b64_json",
				b64,
				"created_at",
				c.at.Unix(),
				"size",
				"1024x1024",
				"quality",
				"low",
				"background",
				"opaque",
				"output_format",
				"png",
			},
			{
				"type",
				"image_generation.completed",
				"b64_json",
				b64,
				"created_at",
				c.at.Unix(),
				"size",
				"1024x1024",
				"quality",
				"low",
				"background",
				"opaque",
				"output_format",
				"png",
				"usage",
				usage,
			},
		})
		return
	}
	data := make([]any, n)
	for i := range data {
		if format == "url" {
			data[i] = obj{"url": c.origin() + "/images/" + newID(c.id, i) + ".png"}
		} else {
			data[i] = obj{"b64_json": base64.StdEncoding.EncodeToString(picture(prompt + itoa(i)))}
		}
	}
	c.sendObject(http.StatusOK, ordered{"created", c.at.Unix(), "data", data, "output_format", "png", "usage", usage})
}

// streamEvents sends events named by their type; the last one is the dialect's final
// event, those before are content.
func (c *call) streamEvents(events []ordered) {
	list := eventList{marks: &c.marks}
	for i, e := range events {
		kind, tokens := contentEvent, 1
		if i == len(events)-1 {
			kind, tokens = lastEvent, 0
		}
		name, _ := e[1].(string)
		list.named(name, kind, tokens, func(b []byte) []byte { return append(b, encode(e)...) })
	}
	c.stream(&rendering{events: list.done()})
}

// speech handles audio/speech with a short tone.
func speech(c *call) {
	root := gjson.ParseBytes(c.body)
	text := root.Get("input").Str
	if text == "" || root.Get("model").Str == "" {
		c.fail(badRequest("input", "Missing required parameter: 'input'."))
		return
	}
	if root.Get("stream_format").Str == "sse" {
		tone := tone(text)
		var events []ordered
		for from := 0; from < len(tone); from += 2048 {
			events = append(
				events,
				ordered{"type", "speech.audio.delta", "audio", base64.StdEncoding.EncodeToString(tone[from:min(from+2048, len(tone))])},
			)
		}
		c.streamEvents(
			append(
				events,
				ordered{
					"type",
					"speech.audio.done",
					"usage",
					obj{"input_tokens": countTokens(text), "output_tokens": 40, "total_tokens": countTokens(text) + 40},
				},
			),
		)
		return
	}
	switch root.Get("response_format").Str {
	case "pcm":
		c.pass("audio/pcm", tone(text))
	case "wav":
		c.pass("audio/wav", wav(tone(text)))
	default:
		c.pass("audio/mpeg", silence(20))
	}
}

const toneRate = 24_000 // samples per second

// tone is a quarter of a second of 16-bit sound whose pitch depends on the text.
func tone(text string) []byte {
	d := throw(hashText(text))
	pitch := 220 + 440*d.float()
	b := make([]byte, 0, toneRate/2)
	for i := range toneRate / 4 {
		sample := 8000 * math.Sin(2*math.Pi*pitch*float64(i)/toneRate)
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(sample)))
	}
	return b
}

// wav puts the header of a RIFF file before mono 16-bit samples.
func wav(samples []byte) []byte {
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[4:], uint32(36+len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // channels
	b = binary.LittleEndian.AppendUint32(b, toneRate)
	b = binary.LittleEndian.AppendUint32(b, 2*toneRate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(samples)))
	return append(b, samples...)
}

// silence is MPEG audio of that many empty frames (layer III, 128 kbit/s, 44.1 kHz).
func silence(frames int) []byte {
	const frame = 417
	b := make([]byte, frames*frame)
	for i := range frames {
		copy(b[i*frame:], []byte{0xFF, 0xFB, 0x90, 0xC4})
	}
	return b
}

// transcribe handles audio/transcriptions and audio/translations: the text depends on
// the file's size and name.
func transcribe(c *call) {
	form := c.readForm()
	if form == nil {
		return
	}
	f := form.files["file"]
	if f == nil {
		c.fail(badRequest("file", "Missing required parameter: 'file'."))
		return
	}
	c.s.objects.forget(f)
	q := &question{prompt: form.fields["prompt"], says: throwSeed(uint64(f.size)) ^ hashText(f.name), choices: 1}
	m := composer{settings: c.settings, q: q, voice: hashText(orElse(c.Voice, form.fields["model"]))}
	d := throw(c.Seed, m.voice, q.says)
	w := m.writer(&d)
	lines := w.lines(&d, []string{"definition", "mechanism", "detail"})
	text := lines[0] + " " + lines[1] + " " + lines[2]
	if form.fields["stream"] == "true" {
		var events []ordered
		for _, piece := range splitTokens(text) {
			events = append(events, ordered{"type", "transcript.text.delta", "delta", piece})
		}
		c.streamEvents(append(events, ordered{"type", "transcript.text.done", "text", text}))
		return
	}
	switch form.fields["response_format"] {
	case "text", "srt", "vtt":
		c.pass("text/plain; charset=utf-8", []byte(text+"\n"))
	case "verbose_json":
		c.sendObject(http.StatusOK, ordered{"task", "transcribe", "language", "english", "duration", 2.5, "text", text, "segments", []any{}})
	default:
		c.sendObject(http.StatusOK, ordered{"text", text, "usage", obj{"type": "duration", "seconds": 3}})
	}
}
