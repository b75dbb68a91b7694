# Runs in Windows PowerShell (3 to 5.1 syntax), given as -EncodedCommand by session.cc, which compresses
# nothing: comment lines and leading blanks are dropped when this file is embedded, so a '#' begins a line or is none.
# Conversation: MAILQUENCH_MARK begins each line of ours on standard output, the rest of the line is JSON. First come
# the facts, unasked; then one line a request. Whatever else is on standard output is not ours.
# The variable that is the pipeline's own input is not used anywhere: its name alone makes the host read standard input.
$mark = $env:MAILQUENCH_MARK
$mode = [string]$ExecutionContext.SessionState.LanguageMode
# Any other mode forbids what the rest is made of. Short: a host may break long lines.
if ($mode -ne 'FullLanguage') { $mark + '{"language":"' + $mode + '"}'; exit 3 }
$ErrorActionPreference = 'Continue'
$WarningPreference = 'Continue'
$ProgressPreference = 'SilentlyContinue'
$VerbosePreference = 'SilentlyContinue'
$DebugPreference = 'SilentlyContinue'
$InformationPreference = 'SilentlyContinue'
$culture = [Globalization.CultureInfo]::InvariantCulture
[Threading.Thread]::CurrentThread.CurrentCulture = $culture
$utf8 = [Text.Encoding]::UTF8
# For what the host itself writes; without a console it is refused.
try { [Console]::OutputEncoding = $utf8 } catch { }
$reader = [Activator]::CreateInstance([IO.StreamReader], [Console]::OpenStandardInput(), $utf8)
$writer = [Console]::OpenStandardOutput()

function Send([string]$json) {
  # A line break before it, in case that somebody left a line open.
  $bytes = $utf8.GetBytes("`n" + $mark + $json + "`n")
  $writer.Write($bytes, 0, $bytes.Length)
  $writer.Flush()
}
function Quote([string]$text) {
  $text = $text.Replace('\', '\\').Replace('"', '\"')
  if ($text -match '[\x00-\x1f]') {
    $text = [regex]::Replace($text, '[\x00-\x1f]', { param($m) '\u{0:x4}' -f [int][char]$m.Value })
  }
  '"' + $text + '"'
}
# One value as text, the same of a live object and of one that came through remoting.
function Text($value) {
  if ($null -eq $value) { return '' }
  if ($value -is [string]) { return [string]$value }
  if ($value -is [datetime]) { return $value.ToUniversalTime().ToString('o', $culture) }
  # An enumeration that came through remoting is a number that knows its name.
  $name = $value.PSObject.Properties['Value']
  if ($value -is [int] -and $name -and $name.Value -is [string]) { return $name.Value }
  # Exchange's own dates.
  if ($value.PSObject.TypeNames[0] -like '*.ExDateTime' -and $value.UniversalTime -is [datetime]) {
    return [datetime]::SpecifyKind($value.UniversalTime, 'Utc').ToString('o', $culture)
  }
  [string]$value
}
function Cell($value) {
  if ($null -eq $value) { return 'null' }
  # A file's bytes.
  if ($value -is [byte[]]) { return Quote ([Convert]::ToBase64String($value)) }
  if ($value -is [Collections.IDictionary]) {
    $texts = foreach ($key in $value.Keys) { Quote ((Text $key) + '=' + (Text $value[$key])) }
    return '[' + ($texts -join ',') + ']'
  }
  if ($value -is [Collections.IEnumerable] -and $value -isnot [string]) {
    $texts = foreach ($one in $value) { Quote (Text $one) }
    return '[' + ($texts -join ',') + ']'
  }
  Quote (Text $value)
}
function Fault($record) {
  $type = $record.Exception.GetType().FullName
  '{"message":' + (Quote $record.Exception.Message) + ',"id":' + (Quote $record.FullyQualifiedErrorId) +
    ',"category":' + (Quote $record.CategoryInfo.Category) + ',"reason":' + (Quote $record.CategoryInfo.Reason) +
    ',"type":' + (Quote $type) + '}'
}

$script:session = $null
$script:ready = $false
# Where the endpoint is, or the snap-ins. Once; it throws where there is none.
function Connect {
  # One that ended between two calls is replaced: nothing was sent to it.
  if ($script:session -and [string]$script:session.State -ne 'Opened') {
    try { Remove-PSSession $script:session } catch { }
    $script:session = $null
    $script:ready = $false
  }
  if ($script:ready) { return }
  if ($env:MAILQUENCH_EDGE) {
    $bin = [IO.Path]::Combine($env:MAILQUENCH_EDGE, 'Bin')
    $console = [xml][IO.File]::ReadAllText([IO.Path]::Combine($bin, 'exShell.psc1'))
    foreach ($one in $console.PSConsoleFile.PSSnapIns.PSSnapIn) { Add-PSSnapin $one.Name -ErrorAction Stop }
    . ([IO.Path]::Combine($bin, 'Exchange.ps1')) | Out-Null
  } else {
    $script:session = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri $env:MAILQUENCH_URI -Authentication Kerberos -ErrorAction Stop
  }
  $script:ready = $true
}
function Answer($request) {
  $rows = [Collections.ArrayList]@()
  $warnings = [Collections.ArrayList]@()
  $faults = [Collections.ArrayList]@()
  $opened = $true
  try {
    if (-not $request.local) { $opened = $false; Connect; $opened = $true }
    $block = [scriptblock]::Create($request.text)
    & {
      if ($request.local -or -not $script:session) { & $block } else { Invoke-Command -Session $script:session -ScriptBlock $block }
    } 3>&1 2>&1 | ForEach-Object {
      if ($_ -is [Management.Automation.ErrorRecord]) { [void]$faults.Add((Fault $_)) }
      elseif ($_ -is [Management.Automation.WarningRecord]) { [void]$warnings.Add((Quote $_.Message)) }
      elseif ($request.fields.Count) {
        $object = $_
        $cells = foreach ($field in $request.fields) {
          $property = $object.PSObject.Properties[$field]
          if ($property) { try { Cell $property.Value } catch { 'null' } } else { 'null' }
        }
        [void]$rows.Add('[' + ($cells -join ',') + ']')
      }
    }
  } catch { [void]$faults.Add((Fault $_)) }
  $lost = $script:session -and [string]$script:session.State -ne 'Opened'
  Send ('{"id":' + [int]$request.id + ',"opened":' + ([string]$opened).ToLower() + ',"lost":' + ([string][bool]$lost).ToLower() +
    ',"rows":[' + ($rows -join ',') + '],"warnings":[' + ($warnings -join ',') + '],"errors":[' + ($faults -join ',') + ']}')
}

$policy = ''
try { $policy = [string](Get-ExecutionPolicy) } catch { }
Send ('{"language":' + (Quote $mode) + ',"version":' + (Quote $PSVersionTable.PSVersion) + ',"edition":' + (Quote $PSVersionTable.PSEdition) +
  ',"policy":' + (Quote $policy) + ',"x64":' + ([string][Environment]::Is64BitProcess).ToLower() + '}')
# An end of the input is the end of the parent, or its wish.
while ($null -ne ($line = $reader.ReadLine())) {
  if ($line) { Answer (ConvertFrom-Json $line) }
}
if ($script:session) { Remove-PSSession $script:session }
exit 0
