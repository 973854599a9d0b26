package known

import "slices"

// Classes lists the classes of statements, weakest first.
func Classes() []string {
	return []string{"txn", "session", "read", "dml", "copy", "ddl", "dcl", "admin"}
}

// Widest gives the stronger of two classes.
func Widest(a, b string) string {
	if slices.Index(Classes(), a) >= slices.Index(Classes(), b) {
		return a
	}
	return b
}

// StatementClass says what kind of thing a statement is by the name of its node.
func StatementClass(node string) string {
	switch node {
	case "TransactionStmt":
		return "txn"
	case "SelectStmt", "DeclareCursorStmt", "FetchStmt", "ClosePortalStmt", "ExplainStmt":
		return "read"
	case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
		return "dml"
	case "CopyStmt":
		return "copy"
	case "VariableSetStmt", "VariableShowStmt", "ConstraintsSetStmt", "DiscardStmt", "PrepareStmt", "ExecuteStmt",
		"DeallocateStmt", "ListenStmt", "UnlistenStmt", "NotifyStmt", "LockStmt":
		return "session"
	case "GrantStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt", "CreateRoleStmt", "AlterRoleStmt", "AlterRoleSetStmt",
		"DropRoleStmt", "DropOwnedStmt", "ReassignOwnedStmt", "AlterOwnerStmt", "SecLabelStmt", "CreatePolicyStmt", "AlterPolicyStmt":
		return "dcl"
	case "AlterSystemStmt", "AlterDatabaseSetStmt", "CreateExtensionStmt", "AlterExtensionStmt", "AlterExtensionContentsStmt",
		"CreateSubscriptionStmt", "AlterSubscriptionStmt", "DropSubscriptionStmt", "CreatePublicationStmt", "AlterPublicationStmt",
		"CreateForeignServerStmt", "AlterForeignServerStmt", "CreateUserMappingStmt", "AlterUserMappingStmt", "DropUserMappingStmt",
		"CreateFdwStmt", "AlterFdwStmt", "ImportForeignSchemaStmt", "LoadStmt", "DoStmt", "CallStmt", "VacuumStmt", "ClusterStmt",
		"ReindexStmt", "CheckPointStmt", "CreatedbStmt", "DropdbStmt", "AlterDatabaseStmt", "AlterDatabaseRefreshCollStmt",
		"CreateTableSpaceStmt", "DropTableSpaceStmt", "AlterTableSpaceOptionsStmt", "CreatePLangStmt", "CreateEventTrigStmt", "AlterEventTrigStmt":
		return "admin"
	}
	return "ddl"
}

// ClassOfVerb gives the class of a statement inside another.
func ClassOfVerb(verb string) string {
	switch verb {
	case "insert", "update", "delete", "merge":
		return "dml"
	case "select":
		return "read"
	case "create":
		return "ddl"
	}
	return ""
}
