package compare

// embeddingCosine is the least cosine of two embeddings of the same text that
// may stand in one index. The same model differs only by rounding.
const embeddingCosine = .98

// compareEmbeddings compares vectors for the same input.
func (c *comparison) compareEmbeddings(p, r *side) {
	a, b := &p.x.Completion, &r.x.Completion
	if len(a.Embedding) != len(b.Embedding) || a.Vectors != b.Vectors {
		c.addFinding(nil, CodeEmbeddingSize, "")
		c.result.Similarity = 0
		return
	}
	cosine := Cosine(a.Embedding, b.Embedding)
	c.result.Similarity = min(max(cosine, 0), 1)
	if cosine < embeddingCosine {
		c.addFinding(nil, CodeEmbeddingDistance, "")
	}
}
