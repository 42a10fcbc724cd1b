package cfnsim

// LoseRole makes a service role one that CloudFormation cannot assume: it was
// deleted, or no longer trusts CloudFormation.
func (s *Service) LoseRole(arn string) {
	if s.lostRoles == nil {
		s.lostRoles = map[string]bool{}
	}
	s.lostRoles[arn] = true
}

// assumable is why CloudFormation cannot act on a stack: the role that is given, or
// else the stack's own, is lost. The text is that of
// https://repost.aws/knowledge-center/cloudformation-role-arn-error.
func (s *Service) assumable(given *string, st *stack) error {
	role := str(given)
	if role == "" && st != nil && st.now != nil {
		role = str(st.now.role)
	}
	if s.lostRoles[role] {
		return invalidf("Role %s is invalid or cannot be assumed", role)
	}
	return nil
}
