package gf128

// MulAdd adds src[i] * by to dst[i] for every i. The slices must have the same
// length, else it panics, and be the same memory or not overlap at all.
func MulAdd(dst, src []Element, by Element) {
	mustMatch(len(dst), len(src))
	mulAdd(dst, src, by)
}

// MulEach sets dst[i] = a[i] * b[i] for every i. The slices must have the same
// length, else it panics; dst may be a or b or both, but not overlap them otherwise.
func MulEach(dst, a, b []Element) {
	mustMatch(len(dst), len(a))
	mustMatch(len(dst), len(b))
	mulEach(dst, a, b)
}

// InnerProduct returns the sum of a[i] * b[i], 0 where there are none. The
// slices must have the same length, else it panics. It is cheaper than as many
// products, for the sum is reduced once.
func InnerProduct(a, b []Element) Element {
	mustMatch(len(a), len(b))
	return innerProduct(a, b)
}

func mustMatch(a, b int) {
	if a != b {
		panic("gf128: slices of different lengths")
	}
}
