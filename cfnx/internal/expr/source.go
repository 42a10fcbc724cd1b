package expr

// Kinds of sources: where a part of a value comes from.
const (
	// SourceInline: text of the expression itself.
	SourceInline = "inline"
	// SourceParameter: a parameter of the stack.
	SourceParameter = "parameter"
	// SourceSSM: a parameter of Systems Manager.
	SourceSSM = "ssm"
	// SourceSecret: a secret of Secrets Manager.
	SourceSecret = "secret"
	// SourceMapping: an entry of a mapping.
	SourceMapping = "mapping"
	// SourceStack: an output of a nested stack.
	SourceStack = "stack"
	// SourceExport: an export of another stack.
	SourceExport = "export"
	// SourceCondition: a condition, or the branches of an Fn::If.
	SourceCondition = "condition"
	// SourcePseudo: a pseudo parameter.
	SourcePseudo = "pseudo"
	// SourceLoop: the variable or collection of an Fn::ForEach.
	SourceLoop = "loop"
	// SourceResource: an attribute of a resource.
	SourceResource = "resource"
	// SourceMacro: made by a macro or transform.
	SourceMacro = "macro"
	// SourceUnknown: a function or name that is not understood.
	SourceUnknown = "unknown"
)
