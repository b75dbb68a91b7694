using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace Mailquench.ExchangeSim.Shell;

/// A console that is two pipes. Whatever would ask somebody fails, as under -NonInteractive.
sealed class ConsoleHost(bool endpoint = false) : PSHost
{
    public int? ExitCode { get; private set; }
    readonly Guid id = Guid.NewGuid();
    readonly PipeUserInterface ui = new(warns: !endpoint);
    public override string Name => endpoint ? "ServerRemoteHost" : "ConsoleHost";
    public override Version Version => PretendedVersion.PowerShell;
    public override Guid InstanceId => id;
    public override PSHostUserInterface UI => ui;
    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;
    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;
    public override void EnterNestedPrompt() => throw PipeUserInterface.NobodyThere();
    public override void ExitNestedPrompt() { }
    public override void NotifyBeginApplication() { }
    public override void NotifyEndApplication() { }
    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;
}

/// `warns`: an endpoint's warnings go with its answer, and are printed by who asked.
sealed class PipeUserInterface(bool warns = true) : PSHostUserInterface
{
    // 5.1 knows no colours in text.
    static string Plain(string value) => value.Contains('\x1b') ? new System.Management.Automation.Internal.StringDecorated(value).ToString(OutputRendering.PlainText) : value;

    readonly PipeRawInterface raw = new();
    public override PSHostRawUserInterface RawUI => raw;

    public static PSInvalidOperationException NobodyThere() => new(
        "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.");

    public override string ReadLine() => throw NobodyThere();
    public override SecureString ReadLineAsSecureString() => throw NobodyThere();
    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) => throw NobodyThere();
    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) => throw NobodyThere();
    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) => throw NobodyThere();
    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) => throw NobodyThere();

    // Of a redirected console: all but errors goes to standard output.
    public override void Write(string value) => Console.Out.Write(Plain(value));
    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Console.Out.Write(Plain(value));
    public override void WriteLine(string value) => Console.Out.WriteLine(Plain(value));
    public override void WriteErrorLine(string value) => Console.Error.WriteLine(Plain(value));
    public override void WriteDebugLine(string message) => Console.Out.WriteLine("DEBUG: " + message);
    public override void WriteVerboseLine(string message) => Console.Out.WriteLine("VERBOSE: " + message);
    public override void WriteWarningLine(string message)
    {
        if (warns) Console.Out.WriteLine("WARNING: " + message);
    }
    public override void WriteProgress(long sourceId, ProgressRecord record) { }
}

sealed class PipeRawInterface : PSHostRawUserInterface
{
    public override ConsoleColor BackgroundColor { get; set; }
    public override ConsoleColor ForegroundColor { get; set; } = ConsoleColor.Gray;
    public override Size BufferSize { get; set; } = new(120, 50);
    public override Coordinates CursorPosition { get; set; }
    public override int CursorSize { get; set; } = 25;
    public override bool KeyAvailable => false;
    public override Size MaxPhysicalWindowSize => new(120, 50);
    public override Size MaxWindowSize => new(120, 50);
    public override Coordinates WindowPosition { get; set; }
    public override Size WindowSize { get; set; } = new(120, 50);
    public override string WindowTitle { get; set; } = "Windows PowerShell";
    public override void FlushInputBuffer() { }
    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => new BufferCell[0, 0];
    public override KeyInfo ReadKey(ReadKeyOptions options) => throw PipeUserInterface.NobodyThere();
    public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) { }
    public override void SetBufferContents(Rectangle rectangle, BufferCell fill) { }
    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) { }
}
