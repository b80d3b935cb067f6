package okvs

import "github.com/hueandcry/hueandcry/linkage/internal/gf128"

// Decode sets out[i] to what the vector holds under keys[i]. Under a key that was
// not encoded that is unrelated to the values: uniformly random if the vector is.
// It is linear in the vector.
//
// It uses up to so many workers, one if workers < 1. It panics if the vector is
// not of [Params.Size], or out not as long as keys.
func (m *Matrix) Decode(out, vector []gf128.Element, keys []Key, workers int) {
	if len(vector) != m.p.Size() {
		panic("okvs: vector of another size")
	}
	if len(out) != len(keys) {
		panic("okvs: out is not as long as keys")
	}
	workers = max(1, min(workers, len(keys)/batch))
	parallel(workers, func(w int) {
		var d decoder
		for from, to := len(keys)*w/workers, len(keys)*(w+1)/workers; from < to; from += batch {
			end := min(from+batch, to)
			d.decode(m, out[from:end], vector, keys[from:end])
		}
	})
}

type decoder struct {
	r       rows
	product [batch]gf128.Element
}

// decode is Decode for up to batch keys. It takes them as they come: the reads of
// different keys wait for memory together, which is less work than to sort them.
func (d *decoder) decode(m *Matrix, out, vector []gf128.Element, keys []Key) {
	m.place(&d.r, keys)
	stride := m.p.stride()
	for i := range out {
		a, b, c := split(d.r.cols[i])
		bin := vector[int(d.r.bin[i])*stride:][:stride]
		x, y, z := &bin[a], &bin[b], &bin[c]
		out[i] = gf128.Element{Lo: x.Lo ^ y.Lo ^ z.Lo, Hi: x.Hi ^ y.Hi ^ z.Hi}
	}
	m.mix(&d.r, keys)
	power, product := d.r.d[:len(keys)], d.product[:len(keys)]
	for j := range m.p.dense {
		if j > 0 {
			gf128.MulEach(power, power, power)
		}
		for i := range product {
			product[i] = vector[int(d.r.bin[i])*stride+m.p.sparse+j]
		}
		gf128.MulEach(product, product, power)
		for i := range product {
			out[i] = gf128.Element{Lo: out[i].Lo ^ product[i].Lo, Hi: out[i].Hi ^ product[i].Hi}
		}
	}
}
