package stats

import (
	"math"
	"testing"
)

func TestSignLogE(t *testing.T) {
	near(t, "none", SignLogE(0, 0), 0, 1e-12)
	near(t, "one", SignLogE(1, 0), 0, 1e-12)
	near(t, "five of five", SignLogE(5, 0), math.Log(32*63./256), 1e-9)
	if SignLogE(50, 50) > 0 {
		t.Error("a fair coin is evidence")
	}
}
