// Package oprf is the oblivious pseudorandom function of RFC 9497 over
// ristretto255 with SHA-512, in its three modes and in batches. Whoever holds the
// key (the server) helps whoever holds the inputs (the client) to learn their
// pseudorandom outputs, and sees nothing of the inputs; without him nobody can
// compute an output, so none can be guessed at home.
//
//	Client (public key, info)                    Server (key, info)
//	---------------------------------------------------------------
//	b, err := c.Blind(rand, inputs)
//
//	               b.Request()  n x 32 bytes
//	               ------------------------>
//
//	               evaluated, proof, err := s.BlindEvaluate(rand, request)
//
//	               evaluated    n x 32 bytes
//	               proof             64 bytes, one for the whole batch
//	               <------------------------
//
//	outputs, err := c.Finalize(b, evaluated, proof)
//
// ModeOPRF has no proof; in ModeVOPRF the proof shows that the key of the public
// key was used; in ModePOPRF it shows that also the info, public to both, went
// into every output. The server alone computes the same output by Evaluate.
//
// # What comes from where
//
// RFC 9497: sections 2.2 (proofs, with the server's shortcut of 2.2.1), 3.2 (keys),
// 3.3 (the three modes) and 4.1 (the suite). RFC 9380 section 5.3.1: expansion of
// messages. RFC 9496 section 4.3: encoding, decoding and derivation of elements. The
// arithmetic is that of package ristretto: it has the multiplication by a secret scalar in
// tables and lanes of its own, and the rest from filippo.io/edwards25519.
//
// # Time
//
// Constant in the key, in the blinds, and in the content of the inputs (not in
// their lengths): hashing to the group, blinding, evaluation, unblinding, making
// proofs. Variable, for all that they handle has travelled in the clear: decoding
// elements, the factors of a batch proof and their sums, verification.
//
// # Two ways to blind
//
// As the RFC has it, an input's element P travels as r·P, which costs the client two
// full multiplications an input. A client that has been given the server's
// evaluation of the generator ([Server.Base], [Client.WithBase]) sends P + r·G
// and takes r times that evaluation off again: two multiplications of fixed points,
// each a third of the price. What travels is an evenly distributed element in both
// cases, the server cannot tell which it was, and the outputs are the same. Jarecki,
// Krawczyk and Xu, "On the (In)Security of the Diffie-Hellman Oblivious PRF with
// Multiplicative Blinding" (PKC 2021), show that this is safe if the
// evaluation of the generator is authentic, and not otherwise: so WithBase checks
// a proof, and in ModeOPRF there is none.
package oprf
