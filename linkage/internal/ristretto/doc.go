// Package ristretto is the group ristretto255 of RFC 9496 in batches, on the curve and
// field of filippo.io/edwards25519.
//
// An element is a class of points of edwards25519 that differ by a 4-torsion point. Any
// of its points stands for it, so those of edwards25519 are used and added as they are;
// only [Decode], [Encode], [EncodeDoubled] and [IsIdentity] know of the classes.
//
// The price of an element lies in roots and multiplications. What a batch can share is
// therefore shared: EncodeDoubled needs an inversion for the whole batch and no root,
// [Table] multiplies one point with many scalars, [MulAll] one scalar with many points.
//
// On amd64 with AVX-512 IFMA, MulAll works on eight points in lock step, in assembly that
// the build tag purego leaves out; elsewhere it is as many calls of edwards25519.
//
// Everything takes the same time whatever the scalars and points are, but for what says
// "in variable time". The zero Point of edwards25519 is no point, and panics.
package ristretto

// Size is the length of an encoded element in bytes.
const Size = 32
