package oprf_test

import (
	"crypto/sha512"
	"math/big"

	"github.com/gtank/ristretto255"

	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// The model is the pseudocode of RFC 9497, line by line and one element at a time, on
// gtank's ristretto255: no shortcut of the package is in it. Slow, and easy to check
// against the text.

type element = *ristretto255.Element
type scalar = *ristretto255.Scalar

type model struct{ mode oprf.Mode }

func (m model) context() string {
	return "OPRFV1-" + string(rune(m.mode)) + "-ristretto255-SHA512"
}

func i2osp2(n int) []byte { return big.NewInt(int64(n)).FillBytes(make([]byte, 2)) }

func concat(parts ...any) (out []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			out = append(out, p...)
		case string:
			out = append(out, p...)
		case element:
			out = append(out, p.Bytes()...)
		}
	}
	return out
}

// expandMessageXMD is RFC 9380, section 5.3.1, for 64 bytes: one block.
func expandMessageXMD(msg []byte, dst string) []byte {
	dstPrime := concat(dst, []byte{byte(len(dst))})
	b0 := sha512.Sum512(concat(make([]byte, 128), msg, i2osp2(64), []byte{0}, dstPrime))
	b1 := sha512.Sum512(concat(b0[:], []byte{1}, dstPrime))
	return b1[:]
}

func (m model) hashToGroup(x []byte) element {
	return must(ristretto255.NewIdentityElement().SetUniformBytes(expandMessageXMD(x, "HashToGroup-"+m.context())))
}

func (m model) hashToScalarDST(x []byte, dst string) scalar {
	return must(ristretto255.NewScalar().SetUniformBytes(expandMessageXMD(x, dst)))
}

func (m model) hashToScalar(x []byte) scalar {
	return m.hashToScalarDST(x, "HashToScalar-"+m.context())
}

func (m model) deriveKey(seed, info []byte) scalar { // the first try always succeeds
	return m.hashToScalarDST(concat(seed, i2osp2(len(info)), info, []byte{0}), "DeriveKeyPair"+m.context())
}

func times(k scalar, p element) element { return ristretto255.NewIdentityElement().ScalarMult(k, p) }
func plus(a, b element) element         { return ristretto255.NewIdentityElement().Add(a, b) }
func inverse(k scalar) scalar           { return ristretto255.NewScalar().Invert(k) }
func base(k scalar) element             { return times(k, ristretto255.NewGeneratorElement()) }
func decodeElement(b []byte) element {
	return must(ristretto255.NewIdentityElement().SetCanonicalBytes(b))
}
func decodeScalar(b []byte) scalar { return must(ristretto255.NewScalar().SetCanonicalBytes(b)) }

func split(flat []byte) (out []element) {
	for ; len(flat) > 0; flat = flat[32:] {
		out = append(out, decodeElement(flat[:32]))
	}
	return out
}

func (m model) infoScalar(info []byte) scalar {
	return m.hashToScalar(concat("Info", i2osp2(len(info)), info))
}

// computeComposites is section 2.2.2: without the key.
func (m model) computeComposites(b element, c, d []element) (element, element) {
	seedDST := "Seed-" + m.context()
	seed := sha512.Sum512(concat(i2osp2(32), b, i2osp2(len(seedDST)), seedDST))
	mm, z := ristretto255.NewIdentityElement(), ristretto255.NewIdentityElement()
	for i := range c {
		di := m.hashToScalar(concat(i2osp2(64), seed[:], i2osp2(i), i2osp2(32), c[i], i2osp2(32), d[i], "Composite"))
		mm, z = plus(times(di, c[i]), mm), plus(times(di, d[i]), z)
	}
	return mm, z
}

func (m model) challenge(b, mm, z, t2, t3 element) scalar {
	return m.hashToScalar(concat(i2osp2(32), b, i2osp2(32), mm, i2osp2(32), z, i2osp2(32), t2, i2osp2(32), t3, "Challenge"))
}

func (m model) generateProof(r, k scalar, b element, c, d []element) []byte {
	mm, z := m.computeComposites(b, c, d)
	cc := m.challenge(b, mm, z, base(r), times(r, mm))
	s := ristretto255.NewScalar().Subtract(r, ristretto255.NewScalar().Multiply(cc, k))
	return concat(cc.Bytes(), s.Bytes())
}

func (m model) verifyProof(b element, c, d []element, proof []byte) bool {
	mm, z := m.computeComposites(b, c, d)
	cc, s := decodeScalar(proof[:32]), decodeScalar(proof[32:])
	t2 := plus(base(s), times(cc, b))
	t3 := plus(times(s, mm), times(cc, z))
	return m.challenge(b, mm, z, t2, t3).Equal(cc) == 1
}

func (m model) blindEvaluate(r, sk scalar, info []byte, blinded []element) (evaluated []element, proof []byte) {
	k, eval := sk, sk
	if m.mode == oprf.ModePOPRF {
		k = ristretto255.NewScalar().Add(sk, m.infoScalar(info))
		eval = inverse(k)
	}
	for _, p := range blinded {
		evaluated = append(evaluated, times(eval, p))
	}
	switch m.mode {
	case oprf.ModeVOPRF:
		proof = m.generateProof(r, k, base(k), blinded, evaluated)
	case oprf.ModePOPRF:
		proof = m.generateProof(r, k, base(k), evaluated, blinded)
	}
	return evaluated, proof
}

func (m model) verify(pk element, info []byte, blinded, evaluated []element, proof []byte) bool {
	switch m.mode {
	case oprf.ModeVOPRF:
		return m.verifyProof(pk, blinded, evaluated, proof)
	case oprf.ModePOPRF:
		return m.verifyProof(plus(pk, base(m.infoScalar(info))), evaluated, blinded, proof)
	}
	return true
}

func (m model) finalize(input, info []byte, blind scalar, evaluated element) [oprf.OutputSize]byte {
	n := times(inverse(blind), evaluated)
	if m.mode == oprf.ModePOPRF {
		return sha512.Sum512(concat(i2osp2(len(input)), input, i2osp2(len(info)), info, i2osp2(32), n, "Finalize"))
	}
	return sha512.Sum512(concat(i2osp2(len(input)), input, i2osp2(32), n, "Finalize"))
}
