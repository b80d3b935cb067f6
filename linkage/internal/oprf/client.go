package oprf

import (
	"io"

	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// Client asks for outputs under one public key and, in ModePOPRF, one info. It is
// made by NewClient, never changes, holds no secret, and may be used by many
// goroutines at once. The zero value is invalid.
type Client struct {
	mode   Mode
	suite  suite
	info   []byte
	key    edwards25519.Point // against which proofs are checked: the public key, tweaked by the info
	public [ElementSize]byte  // its encoding
	base   *ristretto.Table   // of the server's evaluation of the generator; nil without
}

// NewClient gives the client for a server's public key. ErrElement means that this
// is not a group element in its canonical form, or the identity; ErrInverse that
// whoever made it knows the private key and has chosen it by the info. Info as with
// NewServer. In ModeOPRF nothing is proven, and public may be nil.
func NewClient(mode Mode, public, info []byte) (*Client, error) {
	if err := checkInfo(mode, info); err != nil {
		return nil, err
	}
	c := &Client{mode: mode, suite: newSuite(mode), info: append([]byte(nil), info...)}
	if mode == ModeOPRF && public == nil {
		return c, nil
	}
	var a ristretto.Affine
	if !ristretto.Decode(&a, public) {
		return nil, ErrElement
	}
	a.Point(&c.key)
	if mode == ModePOPRF {
		tweak := new(edwards25519.Point).ScalarBaseMult(c.suite.infoScalar(info))
		c.key.Add(&c.key, tweak)
		if ristretto.IsIdentity(&c.key) {
			return nil, ErrInverse
		}
	}
	ristretto.Encode(&c.public, &c.key)
	return c, nil
}

// WithBase gives a client for the same server that works at about half the price
// in large batches, by means of what the server's Base has given; see the package
// comment. It takes well under a millisecond to make, and is worth it from some ten
// inputs on. Nothing else is different: requests look alike and outputs are the
// same. ErrElement, ErrLength and ErrProof mean that the server has given something
// else. In ModeOPRF it panics.
func (c *Client) WithBase(base, proof []byte) (*Client, error) {
	if c.mode == ModeOPRF {
		panic("oprf: no base without proofs")
	}
	if len(base) != ElementSize || len(proof) != ProofSize {
		return nil, ErrLength
	}
	request, err := decodeAll(generator[:])
	if err != nil {
		return nil, err
	}
	evaluated, err := c.check(generator[:], request, base, proof)
	if err != nil {
		return nil, err
	}
	with := *c
	with.base = ristretto.NewTable(&evaluated[0])
	return &with, nil
}

// Blinded is a batch under way. It is made by Blind and used up by Finalize. It
// never prints its inputs or blinds, and is not for use by several goroutines at
// once.
type Blinded struct {
	client  *Client
	request []byte
	points  []ristretto.Affine // of the request; nil in ModeOPRF
	secrets func() *blindedSecrets
}

type blindedSecrets struct {
	inputs [][]byte
	blinds []edwards25519.Scalar
}

// Request gives what travels to the server: ElementSize bytes for each input, in
// their order. The caller must not change it.
func (b *Blinded) Request() []byte { return b.request }

// Blind blinds a batch of inputs, each with a blind of its own. Inputs are not
// copied, and must stay as they are until Finalize. rand must be fit for keys:
// whoever foresees it reads the inputs out of the request.
//
// Errors: ErrBatch if there are no inputs or more than MaxBatch, ErrLength if one is
// longer than 65535 bytes, ErrInput for inputs that nobody can find, ErrRandom, and
// those of rand.
func (c *Client) Blind(rand io.Reader, inputs [][]byte) (*Blinded, error) {
	if len(inputs) < 1 || len(inputs) > MaxBatch {
		return nil, ErrBatch
	}
	blinds := make([]edwards25519.Scalar, len(inputs))
	points := make([]edwards25519.Point, len(inputs))
	request := make([]byte, len(inputs)*ElementSize)
	for i, input := range inputs {
		if err := c.suite.elementFromHash(&points[i], input); err != nil {
			return nil, err
		}
		r, err := randomScalar(rand)
		if err != nil {
			return nil, err
		}
		blinds[i] = *r
	}
	if c.base != nil {
		var mask edwards25519.Point
		for i := range points {
			points[i].Add(&points[i], mask.ScalarBaseMult(&blinds[i]))
			if ristretto.IsIdentity(&points[i]) { // the server would refuse it; as likely as to guess the key
				return nil, ErrRandom
			}
			ristretto.Encode((*[ElementSize]byte)(request[i*ElementSize:]), &points[i])
		}
	} else {
		for i := range points {
			points[i].ScalarMult(ristretto.Halve(&blinds[i]), &points[i])
		}
		ristretto.EncodeDoubled(request, points)
		for i := range points {
			points[i].Double(&points[i])
		}
	}
	b := &Blinded{client: c, request: request}
	if c.mode != ModeOPRF {
		b.points = ristretto.Normalise(points)
	}
	secrets := &blindedSecrets{inputs, blinds}
	b.secrets = func() *blindedSecrets { return secrets }
	return b, nil
}

// Finalize checks the server's answer to a batch and gives the outputs, in the order
// of the inputs: all of them, or none and an error. b must come from the same
// client. The call uses b up, whatever its result: a second one with the same b
// panics, and an answer that was refused is asked for again with fresh blinds.
//
// Errors: ErrLength if the answer has not as many elements as the request, or the
// proof not ProofSize bytes (none in ModeOPRF), ErrElement if one is not a group
// element in its canonical form or is the identity, ErrProof if the proof is not
// for this request, this answer, this public key and this info.
func (c *Client) Finalize(b *Blinded, evaluated, proof []byte) ([][OutputSize]byte, error) {
	if b.client != c {
		panic("oprf: a batch of another client")
	}
	if b.secrets == nil {
		panic("oprf: the batch is used up")
	}
	secrets := b.secrets()
	b.secrets = nil
	defer clear(secrets.blinds)
	elements, err := c.check(b.request, b.points, evaluated, proof)
	if err != nil {
		return nil, err
	}
	points := make([]edwards25519.Point, len(elements))
	unblinded := make([]byte, len(evaluated))
	if c.base != nil {
		var mask edwards25519.Point
		for i := range points {
			c.base.Mul(&mask, &secrets.blinds[i])
			elements[i].Point(&points[i])
			ristretto.Encode((*[ElementSize]byte)(unblinded[i*ElementSize:]), points[i].Subtract(&points[i], &mask))
		}
	} else {
		invertScalars(secrets.blinds)
		for i := range points {
			elements[i].Point(&points[i])
			points[i].ScalarMult(ristretto.Halve(&secrets.blinds[i]), &points[i])
		}
		ristretto.EncodeDoubled(unblinded, points)
	}
	outputs := make([][OutputSize]byte, len(points))
	for i, input := range secrets.inputs {
		outputs[i] = output(c.mode, input, c.info, unblinded[i*ElementSize:][:ElementSize])
	}
	return outputs, nil
}

// check reads the server's answer to a request and verifies the proof.
func (c *Client) check(request []byte, points []ristretto.Affine, evaluated, proof []byte) ([]ristretto.Affine, error) {
	proofSize := ProofSize
	if c.mode == ModeOPRF {
		proofSize = 0
	}
	if len(evaluated) != len(request) || len(proof) != proofSize {
		return nil, ErrLength
	}
	elements, err := decodeAll(evaluated)
	if err != nil {
		return nil, err
	}
	if c.mode == ModeOPRF {
		return elements, nil
	}
	factors := c.suite.factors(c.mode, c.public[:], request, evaluated)
	m, z := inMode(c.mode, ristretto.Sum(factors, points), ristretto.Sum(factors, elements))
	if !c.suite.holds(proof, c.public[:], &c.key, m, z) {
		return nil, ErrProof
	}
	return elements, nil
}
