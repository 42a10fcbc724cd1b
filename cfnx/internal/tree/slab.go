package tree

// slab hands out nodes and lists of nodes in larger pieces, so that a template
// of a hundred thousand values costs a few hundred allocations.
type slab struct {
	nodes []Node
	lists []*Node
}

func (s *slab) node() *Node {
	if len(s.nodes) == 0 {
		s.nodes = make([]Node, 128)
	}
	n := &s.nodes[0]
	s.nodes = s.nodes[1:]
	return n
}

func (s *slab) items(n int) []*Node {
	if n == 0 {
		return nil
	}
	if n > 128 {
		return make([]*Node, n)
	}
	if len(s.lists) < n {
		s.lists = make([]*Node, 512)
	}
	list := s.lists[:n:n]
	s.lists = s.lists[n:]
	return list
}
