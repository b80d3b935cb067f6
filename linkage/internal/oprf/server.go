package oprf

import (
	"io"

	"filippo.io/edwards25519"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

// Server evaluates under one key and, in ModePOPRF, one info. It is made by
// NewServer, never changes, never prints its key, and may be used by many goroutines
// at once. The zero value is invalid, and its use panics.
type Server struct {
	mode    Mode
	suite   suite
	info    []byte
	public  [ElementSize]byte // against which proofs are made: the public key, tweaked by the info
	secrets func() *serverSecrets
}

type serverSecrets struct {
	proof edwards25519.Scalar // behind public: the key, tweaked by the info
	eval  edwards25519.Scalar // by which elements are multiplied: the same, in ModePOPRF its inverse
	half  edwards25519.Scalar // half of eval, for EncodeDoubled
}

// NewServer gives the server of a key, which must be of the same mode. Info, of at
// most 65535 bytes (ErrLength), is for ModePOPRF and empty in the other modes; what
// breaks either rule panics. ErrInverse means that the info was chosen by someone
// who knows the key.
func NewServer(mode Mode, key *PrivateKey, info []byte) (*Server, error) {
	if key.scalar == nil {
		panic("oprf: the zero PrivateKey was used")
	}
	if key.mode != mode {
		panic("oprf: a key of another mode")
	}
	if err := checkInfo(mode, info); err != nil {
		return nil, err
	}
	s := &Server{mode: mode, suite: newSuite(mode), info: append([]byte(nil), info...)}
	var x serverSecrets
	x.proof.Set(key.scalar())
	x.eval.Set(&x.proof)
	if mode == ModePOPRF {
		x.proof.Add(&x.proof, s.suite.infoScalar(info))
		if isZero(&x.proof) {
			return nil, ErrInverse
		}
		x.eval.Invert(&x.proof)
	}
	x.half.Set(ristretto.Halve(&x.eval))
	ristretto.Encode(&s.public, new(edwards25519.Point).ScalarBaseMult(&x.proof))
	s.secrets = func() *serverSecrets { return &x }
	return s, nil
}

// BlindEvaluate evaluates a batch of blinded elements, ElementSize bytes each, and
// gives as many back, in the same order. The proof, of ProofSize bytes, is for all
// of them together; it is nil in ModeOPRF, and rand is then not read. rand must be
// fit for keys and must not repeat itself: two proofs made with the same randomness
// reveal the key.
//
// Errors: ErrLength if blinded is not a whole number of elements, ErrBatch if these
// are none or more than MaxBatch, ErrElement if one of them is not a group element in
// its canonical form or is the identity, ErrRandom, and those of rand.
func (s *Server) BlindEvaluate(rand io.Reader, blinded []byte) (evaluated, proof []byte, err error) {
	secrets := s.secrets()
	if _, err := count(blinded); err != nil {
		return nil, nil, err
	}
	elements, err := decodeAll(blinded)
	if err != nil {
		return nil, nil, err
	}
	points := make([]edwards25519.Point, len(elements))
	for i := range elements {
		elements[i].Point(&points[i])
	}
	ristretto.MulAll(&secrets.half, points)
	evaluated = make([]byte, len(blinded))
	ristretto.EncodeDoubled(evaluated, points)
	if s.mode == ModeOPRF {
		return evaluated, nil, nil
	}
	// Who knows the key folds one list only and multiplies for the other.
	factors := s.suite.factors(s.mode, s.public[:], blinded, evaluated)
	folded := ristretto.Sum(factors, elements)
	m, z := inMode(s.mode, folded, new(edwards25519.Point).ScalarMult(&secrets.eval, folded))
	proof, err = s.suite.prove(rand, &secrets.proof, s.public[:], m, z)
	if err != nil {
		return nil, nil, err
	}
	return evaluated, proof, nil
}

// Base evaluates the generator, with a proof: what [Client.WithBase] takes. It says
// nothing of any input, and may be made once and given to every client.
// In ModeOPRF, where it could not be proven, it panics. Errors as BlindEvaluate.
func (s *Server) Base(rand io.Reader) (base, proof []byte, err error) {
	if s.mode == ModeOPRF {
		panic("oprf: no base without proofs")
	}
	return s.BlindEvaluate(rand, generator[:])
}

// Evaluate gives the output for an input, which a client would learn together with
// the server. The input has at most 65535 bytes (ErrLength). ErrInput is for
// inputs that nobody can find.
func (s *Server) Evaluate(input []byte) ([OutputSize]byte, error) {
	secrets := s.secrets()
	var p edwards25519.Point
	if err := s.suite.elementFromHash(&p, input); err != nil {
		return [OutputSize]byte{}, err
	}
	var element [ElementSize]byte
	ristretto.Encode(&element, p.ScalarMult(&secrets.eval, &p))
	return output(s.mode, input, s.info, element[:]), nil
}
