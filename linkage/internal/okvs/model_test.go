package okvs_test

import (
	"crypto/aes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
	"github.com/hueandcry/hueandcry/linkage/internal/okvs"
	"github.com/stretchr/testify/require"
)

// fullRow is a row of the model, with all columns of all bins: written from the
// description, a column at a time.
func fullRow(p okvs.Params, seed [32]byte, key okvs.Key) []gf128.Element {
	prf := func(k []byte) (words [4]uint64, all gf128.Element) {
		block, err := aes.NewCipher(k)
		if err != nil {
			panic(err)
		}
		var h [16]byte
		block.Encrypt(h[:], key[:])
		for i := range h {
			h[i] ^= key[i]
		}
		for i := range words {
			words[i] = uint64(binary.LittleEndian.Uint32(h[4*i:]))
		}
		return words, gf128.FromBytes(h[:])
	}
	words, _ := prf(seed[:16])
	_, d := prf(seed[16:])

	stride := p.Sparse() + p.Dense()
	row := make([]gf128.Element, p.Size())
	bin := row[int(words[0]*uint64(p.Bins())>>32)*stride:][:stride]
	left := make([]int, p.Sparse()) // columns not taken yet, in order
	for i := range left {
		left[i] = i
	}
	for _, w := range words[1:] {
		i := int(w * uint64(len(left)) >> 32)
		bin[left[i]] = gf128.Element{Lo: 1}
		left = slices.Delete(left, i, i+1)
	}
	for j := range p.Dense() {
		bin[p.Sparse()+j] = d
		d = d.Mul(d)
	}
	return row
}

// solve is Gaussian elimination over GF(2^128): the vector with zeros in the free
// columns, and the rank, which is below the number of rows where it did not succeed.
func solve(rows [][]gf128.Element, values []gf128.Element) (rank int, vector []gf128.Element) {
	width := len(rows[0])
	for i := range rows {
		rows[i] = append(rows[i], values[i])
	}
	var pivots []int
	for c := 0; c < width && rank < len(rows); c++ {
		k := slices.IndexFunc(rows[rank:], func(row []gf128.Element) bool { return row[c] != gf128.Element{} })
		if k < 0 {
			continue
		}
		rows[rank], rows[rank+k] = rows[rank+k], rows[rank]
		inverse := rows[rank][c].Inverse()
		for i := range rows {
			if i != rank && rows[i][c] != (gf128.Element{}) {
				gf128.MulAdd(rows[i], rows[rank], rows[i][c].Mul(inverse))
			}
		}
		pivots = append(pivots, c)
		rank++
	}
	vector = make([]gf128.Element, width)
	for i, c := range pivots {
		vector[c] = rows[i][width].Mul(rows[i][c].Inverse())
	}
	return rank, vector
}

func product(row, vector []gf128.Element) (sum gf128.Element) {
	for i := range row {
		sum = sum.Add(row[i].Mul(vector[i]))
	}
	return sum
}

// The encoder finds a solution exactly where there is one for all values, at
// sizes where it must set rows aside, move free columns, and often cannot help it.
func TestModel(t *testing.T) {
	s := newSource(t)
	solved, failed, gaps, large := 0, 0, 0, 0
	for range 2500 {
		n, bins := 1+s.intN(40), 1+s.intN(2)
		columns, dense := 3+s.intN(1+n*5/4/bins), 1+s.intN(4)
		p := okvs.Sized(n, bins, columns, dense)
		seed, keys, values, vector := s.seed(), s.keys(n), s.elements(n), make([]gf128.Element, p.Size())
		if s.intN(2) == 0 {
			vector = s.elements(p.Size())
		}
		m := okvs.NewMatrix(p, seed)
		rows := make([][]gf128.Element, n)
		for i := range keys {
			rows[i] = fullRow(p, seed, keys[i])
		}
		rank, model := solve(slices.Clone(rows), values)
		err := encode(m, vector, keys, values, 1)
		if rank < n {
			failed++
			require.ErrorIs(t, err, okvs.ErrEncode, "n = %d, %+v, rank %d", n, p, rank)
			continue
		}
		solved++
		if bins == 1 {
			if _, gap := m.Peel(keys); gap > dense {
				large++
			} else if gap > 0 {
				gaps++
			}
		}
		require.NoError(t, err, "n = %d, %+v", n, p)
		for i := range keys {
			require.Equal(t, values[i], product(rows[i], vector))
		}
		require.Equal(t, values, decode(m, vector, keys))
		require.Equal(t, values, decode(m, model, keys))
	}
	t.Logf("%d solved, %d without solution; %d with few rows aside, %d with many", solved, failed, gaps, large)
	for _, count := range []int{solved, failed, gaps, large} {
		require.Greater(t, count, 100)
	}
}

// Decode and Row are the model's row times any vector.
func TestRows(t *testing.T) {
	s := newSource(t)
	for _, n := range []int{0, 1, 2, 3, 4, 5, 10, 100, 1000, 33_000, 70_000, 150_000} {
		p, seed := params(t, n), s.seed()
		m, vector, keys := okvs.NewMatrix(p, seed), s.elements(p.Size()), s.keys(20)
		bins := map[int]bool{}
		for i, value := range decode(m, vector, keys) {
			row := fullRow(p, seed, keys[i])
			require.Equal(t, product(row, vector), value)

			r := m.Row(keys[i])
			var sparse [3]gf128.Element
			for j, at := range r.Sparse {
				require.Equal(t, gf128.Element{Lo: 1}, row[at])
				sparse[j] = vector[at]
			}
			require.Equal(t, value, r.Value(sparse, vector[r.Dense:][:p.Dense()]))
			bins[r.Dense] = true
		}
		require.Equal(t, p.Bins() > 1, len(bins) > 1)
	}
}
