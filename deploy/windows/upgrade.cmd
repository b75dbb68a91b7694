@echo off
rem Puts another version of Mailquench's agent in the place of the one that runs as a service, and the old one back
rem where the new one does not reach the controller. See usage below and docs\windows.md.
setlocal EnableExtensions DisableDelayedExpansion
set "SERVICE=MailquenchAgent"
set "WITHIN=60"
set "FROM="
set "SYSTEM=%SystemRoot%\System32"
set "PROGRAMS=%ProgramFiles%"
if defined ProgramW6432 set "PROGRAMS=%ProgramW6432%"
set "AGENT=%PROGRAMS%\Mailquench\mailquench-agent.exe"

:arguments
set "WORD=%~1"
if not defined WORD goto arguments_end
if "%WORD%"=="/?" goto usage
if /i "%WORD:~0,8%"=="/within:" set "WITHIN=%WORD:~8%" & goto next
if "%WORD:~0,1%"=="/" goto wrong
if defined FROM goto wrong
set "FROM=%~f1"
:next
shift
goto arguments
:arguments_end
if not defined FROM set "FROM=%~dp0mailquench-agent.exe"
call :number "%WITHIN%"
if not "%errorlevel%"=="0" goto usage_wrong

"%SYSTEM%\reg.exe" query "HKLM\SYSTEM\CurrentControlSet\Services\%SERVICE%" /v ImagePath >nul 2>nul
if not "%errorlevel%"=="0" call :say "there is no service %SERVICE% on this host; install.cmd makes it; nothing was changed" & exit /b 1
if not exist "%FROM%" call :say "the new program '%FROM%' is not there; nothing was changed" & exit /b 1
rem Where an upgrade was broken off between the two, neither is in place: then the new one completes it.
set "TOOL=%AGENT%"
if not exist "%AGENT%" set "TOOL=%FROM%"
"%TOOL%" service upgrade --name "%SERVICE%" --from "%FROM%" --within "%WITHIN%"
set "CODE=%errorlevel%"
if "%CODE%"=="0" goto done
if "%CODE%"=="2" call :say "the new version is not in use, see the lines above: the one before is back in its place" & exit /b 2
call :say "the upgrade was not done, see the line above; run this again: it completes or undoes what was begun"
exit /b 1
:done
"%AGENT%" service status --name "%SERVICE%"
exit /b 0

:number
rem At most five digits, and no leading zero, which "set /a" takes for octal.
set "BAD=%~1"
if not defined BAD exit /b 1
if "%BAD:~0,1%"=="0" exit /b 1
if not "%BAD:~5%"=="" exit /b 1
set "BAD="
for /f "delims=0123456789" %%c in ("%~1") do set "BAD=1"
if defined BAD exit /b 1
exit /b 0

:say
set "TEXT=%~1"
setlocal EnableDelayedExpansion
>&2 echo upgrade.cmd: !TEXT!
endlocal
exit /b 0

:wrong
>&2 echo upgrade.cmd: unknown word "%WORD%"; nothing was changed
:usage_wrong
call :help >&2
exit /b 1
:usage
call :help
exit /b 0
:help
echo Puts another version of the agent of Mailquench in place. Run it as administrator.
echo.
echo   upgrade.cmd [NEW.EXE] [/within:60]
echo.
echo   NEW.EXE      the new program; else mailquench-agent.exe beside this script. It stays where it is
echo   /within:S    seconds, 5 to 3600, that the new one has to reach the controller
echo.
echo Ends with 0 once the new version has reached the controller, with 2 where the old one is back, with 1 otherwise: run it again then.
exit /b 0
