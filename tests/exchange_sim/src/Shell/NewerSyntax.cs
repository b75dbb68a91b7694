using System.Management.Automation;
using System.Management.Automation.Language;

namespace Mailquench.ExchangeSim.Shell;

/// Refuses what Windows PowerShell 5.1 could not read, though the engine below can.
static class NewerSyntax
{
    static readonly HashSet<TokenKind> Tokens =
    [
        TokenKind.QuestionQuestion, TokenKind.QuestionQuestionEquals, TokenKind.QuestionDot, TokenKind.QuestionLBracket,
        TokenKind.AndAnd, TokenKind.OrOr, TokenKind.QuestionMark,
    ];

    /// Throws ParseException as 5.1 would. `incomplete`: more lines could make it whole.
    public static ScriptBlockAst Check(string script, out bool incomplete)
    {
        ScriptBlockAst tree = Parser.ParseInput(script, out Token[] tokens, out ParseError[] errors);
        incomplete = errors.Any(error => error.IncompleteInput);
        if (errors.Length > 0) throw new ParseException(errors);
        if (First(tokens, tree) is { } extent)
            throw new ParseException([new ParseError(extent, "UnexpectedToken", $"Unexpected token '{extent.Text}' in expression or statement.")]);
        return tree;
    }

    static IScriptExtent? First(Token[] tokens, Ast tree)
    {
        foreach (Token token in Flat(tokens))
            if (Tokens.Contains(token.Kind)) return token.Extent;
        return tree.Find(ast => ast is TernaryExpressionAst or PipelineChainAst, searchNestedScriptBlocks: true)?.Extent;
    }

    // Tokens of "$(...)" in a string hang on the string.
    static IEnumerable<Token> Flat(IEnumerable<Token> tokens)
    {
        foreach (Token token in tokens)
        {
            yield return token;
            if (token is StringExpandableToken { NestedTokens: { } nested })
                foreach (Token inner in Flat(nested)) yield return inner;
        }
    }
}
