//go:build !amd64 || purego

package ristretto

import "filippo.io/edwards25519"

func mulAll(s *edwards25519.Scalar, points []edwards25519.Point) { mulAllPortable(s, points) }
